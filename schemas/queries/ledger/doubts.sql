-- What a node may still tell about leases it lost. $1 node.
SELECT campaign_id, chunk_no, incarnation, epoch, content_version, map, unknown_map
  FROM doubt WHERE node_id = $1::int AND (open OR bit_count(unknown_map) > 0)
 ORDER BY campaign_id, chunk_no, epoch;
