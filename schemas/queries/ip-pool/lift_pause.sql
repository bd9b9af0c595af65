-- Lifts pauses: the one with id $1; or, $1 NULL, those of exactly the scope $2 (provider), $3
-- (source), $4 (site), $5 (campaign); or with $6 all of them but campaigns' and blocks of receivers
-- (origin 3, health). $7 actor, $8 because.
-- What a lane keeps of the block (origin 3, health) that made such a pause goes with it; a node
-- that has the lane at work hears of it by the pause.
WITH lifted AS (
	UPDATE pause SET lifted_at = now(), lifted_by = $7
	 WHERE lifted_at IS NULL AND (until IS NULL OR until > now())
	   AND CASE WHEN $1::int IS NOT NULL THEN pause_id = $1
	            WHEN $6 THEN campaign_id IS NULL AND origin <> 3
	            ELSE (provider, source_name, site, campaign_id) IS NOT DISTINCT FROM
	                 ($2::text, $3::text, $4::text, $5::int) END
	RETURNING pause_id, provider, source_name, site, campaign_id, origin
), locked AS MATERIALIZED (
	SELECT l.source_id, l.target
	  FROM lifted p JOIN source s ON s.name = p.source_name
	  JOIN lane_state l ON l.source_id = s.source_id AND l.target = coalesce(p.provider, p.site)
	 WHERE p.origin = 3
	 ORDER BY 1, 2 FOR UPDATE OF l
), revived AS (
	UPDATE lane_state l
	   SET learnt = l.learnt || '{"rest_left_ms": 0, "rests": 0, "is_blocked": false}'
	  FROM locked k
	 WHERE l.source_id = k.source_id AND l.target = k.target
), noted AS (
	INSERT INTO event (actor, verb, object, because, detail)
	SELECT $7, 'resume', 'pause:' || pause_id, $8, to_jsonb(lifted) FROM lifted
)
SELECT pause_id, pg_notify('edm', 'identity')::text FROM lifted;
