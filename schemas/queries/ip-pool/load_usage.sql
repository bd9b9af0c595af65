-- What limits of hours and days still count, by minute for the last hour and by quarter of an hour
-- before; ago_ms: from the end of that bucket to now. Rows of limit_usage are running totals, so
-- the greatest of a key holds. The sending domain of what a journal told is its campaign's.
-- $1: a node's id, or NULL for all.
WITH total AS (
	SELECT bucket, source_id, target, sending_domain_id, campaign_id, max(messages) AS messages,
	       max(connections) AS connections
	  FROM limit_usage
	 WHERE bucket > now() - interval '25 hours' AND ($1::int IS NULL OR node_id = $1)
	 GROUP BY bucket, node_id, incarnation, source_id, target, sending_domain_id, campaign_id
), ended AS (
	SELECT CASE WHEN bucket > now() - interval '65 minutes' THEN bucket + interval '1 minute'
	            ELSE date_bin('15 minutes', bucket, 'epoch') + interval '15 minutes' END AS at,
	       source_id, target, campaign_id, messages, connections,
	       coalesce(d.name, lower(split_part(c.from_address, '@', 2)), '') AS domain
	  FROM total
	  LEFT JOIN sending_domain d USING (sending_domain_id)
	  LEFT JOIN campaign c USING (campaign_id)
)
SELECT greatest(0, (extract(epoch FROM now() - at) * 1000)::bigint) AS ago_ms, source_id, target,
       domain, campaign_id, sum(messages)::bigint, sum(connections)::bigint
  FROM ended
 GROUP BY at, source_id, target, domain, campaign_id
 ORDER BY at;
