-- What counts against limits: per minute and lane the messages and connections of all nodes since a
-- time, for windows to be rebuilt. $1 since.
SELECT bucket, source_id, target, sending_domain_id, campaign_id, node_id,
       sum(messages)::int AS messages, sum(connections)::int AS connections
  FROM (SELECT bucket, source_id, target, sending_domain_id, campaign_id, node_id, incarnation,
               max(messages) AS messages, max(connections) AS connections
          FROM limit_usage WHERE bucket >= $1::timestamptz
         GROUP BY 1, 2, 3, 4, 5, 6, 7) x
 GROUP BY 1, 2, 3, 4, 5, 6
 ORDER BY 1;
