-- Something stands still from now on. $1 scope, $2 provider, $3 source, $4 site, $5 campaign (NULL:
-- not named), $6 origin, $7 who, $8 why, $9 for so many ms (NULL: until lifted), $10 object of the
-- event. There is one pause of a scope and origin: an operator's holds as said last, any other is
-- made longer, never shorter.
WITH known AS (
	UPDATE pause
	   SET until = CASE WHEN $6 = 1 THEN now() + $9 * interval '1 millisecond'
	                    WHEN until IS NULL OR $9::bigint IS NULL THEN NULL
	                    ELSE greatest(until, now() + $9 * interval '1 millisecond') END,
	       who = $7, why = $8
	 WHERE lifted_at IS NULL AND (until IS NULL OR until > now()) AND scope = $1 AND origin = $6
	   AND (provider, source_name, site, campaign_id) IS NOT DISTINCT FROM ($2, $3, $4, $5)
	RETURNING pause_id, until
), added AS (
	INSERT INTO pause (scope, provider, source_name, site, campaign_id, origin, who, why, until)
	SELECT $1, $2, $3, $4, $5, $6, $7, $8, now() + $9 * interval '1 millisecond'
	 WHERE NOT EXISTS (SELECT FROM known)
	RETURNING pause_id, until
), done AS (
	SELECT * FROM known UNION ALL SELECT * FROM added
), noted AS (
	INSERT INTO event (actor, verb, object, because, detail)
	SELECT $7, 'pause', $10, $8, jsonb_build_object('id', pause_id, 'until', until) FROM done
)
SELECT pause_id, pg_notify('edm', 'identity')::text FROM done;
