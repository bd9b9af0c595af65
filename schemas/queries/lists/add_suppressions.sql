-- Suppresses $1 (rids) in scope $2 (0 everywhere, else a list) for cause $3, and tells running
-- nodes who was not yet. $4 note · $5 by whom · $6 until or NULL · $7 import or NULL
WITH added AS (
	INSERT INTO suppression AS s (rid, scope, cause, note, added_by, until, import_id)
	SELECT DISTINCT x.rid, $2::int, $3::smallint, $4, $5, $6::timestamptz, $7::int
	  FROM unnest($1::bigint[]) AS x(rid)
	    ON CONFLICT (rid, scope, cause) DO UPDATE SET until = excluded.until, at = now()
	 WHERE s.until IS NOT NULL AND (excluded.until IS NULL OR excluded.until > s.until)
	RETURNING rid, scope, cause
),
fed AS (
	INSERT INTO suppression_feed (rid, scope, cause) SELECT rid, scope, cause FROM added
)
SELECT count(*) FROM added;
