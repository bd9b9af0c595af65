-- What flushes appended to the feed goes into suppression; the feed keeps it for running nodes for
-- a day. $1 rows at most. Returns how many were folded.
WITH turn AS MATERIALIZED (
	SELECT pg_try_advisory_xact_lock(hashtext('edm.fold_suppressions')) AS ours
), fresh AS MATERIALIZED (
	SELECT f.ctid, f.* FROM turn, suppression_feed f
	 WHERE turn.ours AND NOT f.folded LIMIT $1::int FOR UPDATE OF f
), s AS (
	INSERT INTO suppression(rid, scope, cause, rule, campaign_id, at)
	SELECT DISTINCT ON (rid, scope, cause) rid, scope, cause, rule, campaign_id, at
	  FROM fresh ORDER BY rid, scope, cause, at
	ON CONFLICT (rid, scope, cause) DO NOTHING
), m AS (
	UPDATE suppression_feed f SET folded = true FROM fresh WHERE f.ctid = fresh.ctid
), p AS (
	DELETE FROM suppression_feed f USING turn
	 WHERE turn.ours AND f.folded AND f.at < now() - interval '1 day'
)
SELECT count(*) FROM fresh;
