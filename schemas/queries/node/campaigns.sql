-- Campaigns a node may have work of, how often anything was changed (in every row; the only thing
-- in the row when there is no campaign), and the pool of each.
SELECT c.campaign_id, c.version, c.state::int, c.priority::int, e.version, coalesce(c.pool, '')
FROM (SELECT coalesce(max(event_id), 0) AS version FROM event) e
	LEFT JOIN campaign c ON c.state IN (3, 4) AND c.removed_at IS NULL
