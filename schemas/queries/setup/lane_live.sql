-- What nodes that are alive show of the lane of source $1 to provider or site $2, the newest row
-- first.
SELECT n.name, greatest(0, (extract(epoch FROM now() - l.at) * 1000)::bigint) AS age_ms, lane.value
  FROM node_live l
  JOIN node n USING (node_id)
 CROSS JOIN LATERAL jsonb_array_elements(coalesce(l.live->'lanes', '[]')) lane
 WHERE l.incarnation = n.incarnation AND n.lease_until > now()
   AND l.at > now() - interval '10 s'
   AND lane.value->>'source' = $1::text AND lane.value->>'queue' = $2::text
 ORDER BY l.at DESC
 LIMIT 1
