-- Says keys of a provider's profile. $1 name, $2 the keys as JSON (NULL: takes back all that is
-- said of it), $3 for so many ms (NULL: for ever), $4 actor, $5 because. What can have no effect
-- any more ends: what is over, and rows whose every key is said anew and for as long. The number of
-- the change, and how many rows that held it ended.
WITH change AS (
	SELECT nextval('provider_change')::int AS number,
	       now() + $3 * interval '1 millisecond' AS until
), said AS (
	INSERT INTO provider (name, overrides, until, set_by, because, begun_in)
	SELECT $1, $2::jsonb, until, $4, $5, number FROM change WHERE $2 IS NOT NULL
), gone AS (
	DELETE FROM provider p
	 WHERE p.name = $1
	   AND (p.until <= now() OR $2 IS NULL
	        OR (profile_keys(p.overrides) <@ profile_keys($2::jsonb)
	            AND ($3::bigint IS NULL OR p.until <= now() + $3 * interval '1 millisecond')))
	RETURNING *
), kept AS (
	INSERT INTO provider_ended (patch_id, name, overrides, until, set_by, because, set_at,
	                            begun_at, begun_in, ended_at, ended_in, ended_by)
	SELECT patch_id, name, overrides, g.until, set_by, because, set_at, begun_at, begun_in,
	       least(g.until, now()), CASE WHEN g.until <= now() THEN NULL ELSE number END,
	       CASE WHEN g.until <= now() THEN NULL ELSE $4 END
	  FROM gone g, change
)
SELECT number, (SELECT count(*) FROM gone WHERE until IS NULL OR until > now()) FROM change;
