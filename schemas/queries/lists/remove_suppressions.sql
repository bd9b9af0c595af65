-- Takes suppressions back and tells running nodes. Each condition counts unless it is NULL:
-- $1 rids · $2 scope · $3 cause · $4 rule · $5 import · $6, $7 suppressed from … until.
-- $8: only count.
WITH chosen AS MATERIALIZED (
	SELECT rid, scope, cause FROM suppression
	 WHERE ($1::bigint[] IS NULL OR rid = ANY ($1))
	   AND ($2::int IS NULL OR scope = $2)
	   AND ($3::smallint IS NULL OR cause = $3)
	   AND ($4::text IS NULL OR rule = $4)
	   AND ($5::int IS NULL OR import_id = $5)
	   AND ($6::timestamptz IS NULL OR at >= $6)
	   AND ($7::timestamptz IS NULL OR at < $7)
),
removed AS (
	DELETE FROM suppression s USING chosen c
	 WHERE NOT $8::bool AND s.rid = c.rid AND s.scope = c.scope AND s.cause = c.cause
	RETURNING s.rid, s.scope, s.cause
),
fed AS (
	INSERT INTO suppression_feed (rid, scope, cause, lifted)
	SELECT rid, scope, cause, true FROM removed
),
marked AS (
	UPDATE import SET undone_at = now() WHERE NOT $8 AND import_id = $5
)
SELECT count(*) FROM chosen;
