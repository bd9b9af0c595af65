-- The chunks the database thinks a node holds, under any of its incarnations. $1 node.
SELECT campaign_id, chunk_no, incarnation, epoch, flush_seq, n, content_version, done_map, open_map
  FROM chunk WHERE state = 1 AND node_id = $1::int
 ORDER BY campaign_id, chunk_no;
