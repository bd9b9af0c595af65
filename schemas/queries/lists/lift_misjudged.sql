-- Takes back what was suppressed for replies that do not suppress by the rules of today, and tells
-- running nodes. $1 from, $2 before (wall time); such replies: $3 template, $4 stage, $5 code,
-- $6 enhanced, $7 provider. $8: only count.
WITH kind AS MATERIALIZED (
	SELECT DISTINCT * FROM unnest($3::bigint[], $4::smallint[], $5::smallint[], $6::int[],
	                              $7::text[]) k(template, stage, code, enhanced, provider)
), chosen AS MATERIALIZED (
	SELECT s.rid, s.scope, s.cause
	  FROM suppression s
	  JOIN outcome o ON o.rid = s.rid AND o.campaign_id = s.campaign_id AND o.at = s.at
	  JOIN kind USING (template, stage, code, enhanced, provider)
	 WHERE s.cause = 1 AND s.scope = 0 AND s.at >= $1::timestamptz AND s.at < $2::timestamptz
	   AND o.at >= $1::timestamptz AND o.at < $2::timestamptz AND o.words = 1
), removed AS (
	DELETE FROM suppression s USING chosen c
	 WHERE NOT $8::bool AND s.rid = c.rid AND s.scope = c.scope AND s.cause = c.cause
	RETURNING s.rid, s.scope, s.cause
), fed AS (
	INSERT INTO suppression_feed (rid, scope, cause, lifted)
	SELECT rid, scope, cause, true FROM removed
)
SELECT count(*) FROM chosen;
