-- Adds the deltas to the counters. One at a time; one transaction, so no count is ever missing or
-- double. Returns the rows rolled up.
WITH turn AS MATERIALIZED (
	SELECT pg_try_advisory_xact_lock(hashtext('edm.roll_up')) AS ours
), dm AS (
	DELETE FROM moves_delta USING turn WHERE turn.ours RETURNING campaign_id, state, n
), da AS (
	DELETE FROM attempts_delta USING turn WHERE turn.ours
	RETURNING campaign_id, minute, provider, source_id, class, cause, n
), m AS (
	INSERT INTO moves AS x(campaign_id, state, n)
	SELECT campaign_id, state, sum(n) FROM dm GROUP BY 1, 2 ORDER BY 1, 2
	ON CONFLICT (campaign_id, state) DO UPDATE SET n = x.n + excluded.n
), a AS (
	INSERT INTO attempts AS x(campaign_id, minute, provider, source_id, class, cause, n)
	SELECT campaign_id, minute, provider, source_id, class, cause, sum(n)
	  FROM da GROUP BY 1, 2, 3, 4, 5, 6
	ON CONFLICT (campaign_id, minute, provider, source_id, class, cause)
	DO UPDATE SET n = x.n + excluded.n
)
SELECT (SELECT count(*) FROM dm) + (SELECT count(*) FROM da) AS rows;
