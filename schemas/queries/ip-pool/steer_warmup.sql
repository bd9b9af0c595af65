-- An operator's hand on warm-ups. $1 source name, $2 provider or site (NULL: all lanes it has), $3
-- held (NULL: as it is), $4 steps forward, $5 verb, $6 actor, $7 because. One row for each lane.
WITH lane AS (
	SELECT source_id FROM source WHERE name = $1 AND state <> 3
), new AS (
	INSERT INTO lane_state (source_id, target, warmup_held, warmup_advanced)
	SELECT source_id, $2::text, coalesce($3::bool, false), $4::int
	  FROM lane WHERE $2::text IS NOT NULL
	ON CONFLICT (source_id, target) DO UPDATE
	   SET warmup_held = coalesce($3, lane_state.warmup_held),
	       warmup_advanced = lane_state.warmup_advanced + $4
	RETURNING target
), locked AS MATERIALIZED (
	SELECT s.source_id, s.target
	  FROM lane_state s JOIN lane USING (source_id)
	 WHERE $2 IS NULL
	 ORDER BY 1, 2 FOR UPDATE OF s
), known AS (
	UPDATE lane_state s
	   SET warmup_held = coalesce($3, warmup_held), warmup_advanced = warmup_advanced + $4
	  FROM locked k
	 WHERE s.source_id = k.source_id AND s.target = k.target
	RETURNING s.target
), done AS (
	SELECT target FROM new UNION ALL SELECT target FROM known
), noted AS (
	INSERT INTO event (actor, verb, object, because, detail)
	SELECT $6, $5, 'lane:' || $1 || '/' || target, $7,
	       CASE WHEN $4 > 0 THEN jsonb_build_object('steps', $4) END FROM done
)
SELECT target, pg_notify('edm', 'identity')::text FROM done;
