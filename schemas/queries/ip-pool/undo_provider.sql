-- Undoes change $1 of a provider's profile (NULL: the last one). $2 actor, $3 because. What it put
-- in force ends, and what it ended comes back to its place, unless it was ended again since or is
-- over; so undoing the undo makes things as they were. What comes back keeps who set it and why,
-- unless the undo gives a reason of its own. One row: the number of the change undone (NULL: there
-- was none), the provider it was about (NULL: nothing of it holds any more), the number of this.
WITH target AS (
	SELECT coalesce($1::int, (
		SELECT max(n) FROM (SELECT begun_in AS n FROM provider
		                    UNION ALL SELECT begun_in FROM provider_ended
		                    UNION ALL SELECT ended_in FROM provider_ended) u)) AS number
), change AS (
	SELECT nextval('provider_change')::int AS number
), gone AS (
	DELETE FROM provider p USING target t
	 WHERE p.begun_in = t.number AND (p.until IS NULL OR p.until > now())
	RETURNING p.*
), kept AS (
	INSERT INTO provider_ended (patch_id, name, overrides, until, set_by, because, set_at,
	                            begun_at, begun_in, ended_at, ended_in, ended_by)
	SELECT patch_id, name, overrides, until, set_by, because, set_at, begun_at, begun_in, now(),
	       number, $2
	  FROM gone, change
), back AS (
	INSERT INTO provider (patch_id, name, overrides, until, set_by, because, set_at, begun_in)
	SELECT e.patch_id, e.name, e.overrides, e.until,
	       CASE WHEN $3 = '' THEN e.set_by ELSE $2 END, coalesce(nullif($3, ''), e.because),
	       e.set_at, c.number
	  FROM provider_ended e, target t, change c
	 WHERE e.ended_in = t.number AND (e.until IS NULL OR e.until > now())
	   AND NOT EXISTS (SELECT FROM provider p WHERE p.patch_id = e.patch_id)
	   AND NOT EXISTS (SELECT FROM provider_ended l
	                    WHERE l.patch_id = e.patch_id AND l.ended_at > e.ended_at)
	RETURNING name
)
SELECT CASE WHEN EXISTS (SELECT FROM provider WHERE begun_in = t.number)
              OR EXISTS (SELECT FROM provider_ended WHERE t.number IN (begun_in, ended_in))
            THEN t.number END,
       (SELECT name FROM (SELECT name FROM gone UNION SELECT name FROM back) n LIMIT 1), c.number
  FROM target t, change c;
