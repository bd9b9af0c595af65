-- Of limit usage older than two minutes only the greatest row of each key is kept, and none older
-- than 25 h; what is older than an hour was folded before. Rows only grow with time, so the last of
-- a key has the most of everything. Kept rows are not written again. Returns rows removed.
WITH turn AS MATERIALIZED (
	SELECT pg_try_advisory_xact_lock(hashtext('edm.fold_usage')) AS ours
), placed AS (
	SELECT u.ctid AS at, row_number() OVER (
		PARTITION BY bucket, node_id, incarnation, source_id, sending_domain_id,
		             campaign_id, target
		    ORDER BY messages DESC, connections DESC) AS place
	  FROM limit_usage u, turn
	 WHERE turn.ours AND bucket < now() - interval '2 minutes'
	   AND bucket > now() - interval '1 hour'
), folded AS (
	DELETE FROM limit_usage u USING placed p WHERE u.ctid = p.at AND p.place > 1
	RETURNING 1
), gone AS (
	DELETE FROM limit_usage USING turn
	 WHERE turn.ours AND bucket <= now() - interval '25 hours'
	RETURNING 1
)
SELECT (SELECT count(*) FROM folded) + (SELECT count(*) FROM gone) AS removed;
