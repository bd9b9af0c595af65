-- Takes suppressions by bounces back, as far as they are still for the same reply, and tells
-- running nodes. $1 rid, $2 campaign, $3 time. Returns how many.
WITH removed AS (
	DELETE FROM suppression s
	 USING unnest($1::bigint[], $2::int[], $3::timestamptz[]) c(rid, campaign_id, at)
	 WHERE s.rid = c.rid AND s.scope = 0 AND s.cause = 1 AND s.campaign_id = c.campaign_id
	   AND s.at = c.at
	RETURNING s.rid, s.scope, s.cause
), fed AS (
	INSERT INTO suppression_feed (rid, scope, cause, lifted)
	SELECT rid, scope, cause, true FROM removed
)
SELECT count(*) FROM removed;
