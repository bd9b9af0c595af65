-- Campaigns a node may have work of, and the pool of each.
SELECT campaign_id, version, state::int, priority::int, coalesce(pool, '')
FROM campaign WHERE state IN (3, 4) AND removed_at IS NULL
