-- Of limit usage older than ten minutes only the greatest row of each key is kept, and none older
-- than 25 h. Returns rows removed.
WITH turn AS MATERIALIZED (
	SELECT pg_try_advisory_xact_lock(hashtext('edm.fold_usage')) AS ours
), gone AS (
	DELETE FROM limit_usage USING turn
	 WHERE turn.ours AND bucket < now() - interval '10 minutes'
	RETURNING limit_usage.*
), kept AS (
	INSERT INTO limit_usage(bucket, node_id, incarnation, source_id, sending_domain_id,
	                        campaign_id, messages, connections, target)
	SELECT bucket, node_id, incarnation, source_id, sending_domain_id, campaign_id,
	       max(messages), max(connections), target
	  FROM gone WHERE bucket > now() - interval '25 hours'
	 GROUP BY 1, 2, 3, 4, 5, 6, 9
	RETURNING 1
)
SELECT (SELECT count(*) FROM gone) - (SELECT count(*) FROM kept) AS removed;
