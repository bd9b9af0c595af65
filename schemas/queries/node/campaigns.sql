-- Campaigns a node may have work of, the pool of each, and its sending hours with the offsets of
-- their zone; then the offsets of zone $1 (empty: none), that of everybody's sending hours, which
-- what the program makes itself does not keep to.
WITH c AS MATERIALIZED (
	SELECT * FROM campaign WHERE state IN (3, 4) AND removed_at IS NULL
), zone AS MATERIALIZED (
	SELECT name, zone_offsets(name, now()) AS offsets
	  FROM (SELECT DISTINCT windows ->> 'zone' AS name FROM c WHERE windows IS NOT NULL) x
), common AS MATERIALIZED (
	SELECT zone_offsets($1::text, now()) AS offsets
)
SELECT c.campaign_id, c.version, c.state::int, c.priority::int, coalesce(c.pool, ''),
	coalesce(c.windows ->> 'hours', ''), zone.offsets, c.hidden, common.offsets
FROM c LEFT JOIN zone ON zone.name = c.windows ->> 'zone' CROSS JOIN common
