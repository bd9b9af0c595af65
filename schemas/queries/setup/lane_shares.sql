-- What each node has of the limits over all nodes that act at provider or site $1: the limit's
-- scope, its meter and number, the node, its share, and how long that node's lease still lasts.
SELECT scope, meter::int, n, x.name, part,
       greatest(0, (extract(epoch FROM ended - now()) * 1000)::bigint) AS left_ms
  FROM limit_share_life s
  JOIN node x USING (node_id, incarnation)
 WHERE part > 0 AND ended > now()
   AND (scope = 'provider/' || $1::text
        OR scope LIKE 'domain/%' AND split_part(scope, '/', 3) = $1::text)
 ORDER BY scope, meter, x.name
