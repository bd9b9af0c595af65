-- Sources that the node named $1 would send from, for doctor: its own, and those of no node.
SELECT name, host(address), ehlo, coalesce(host(public_address), host(address))
  FROM source
 WHERE state IN (1, 2) AND (node_name IS NULL OR node_name = $1::text OR $1::text = '')
 ORDER BY source_id
