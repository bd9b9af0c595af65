-- Where chunks stand now, for a flush that did not take them. $1 campaigns, $2 chunks.
SELECT c.campaign_id, c.chunk_no, c.state, c.epoch, coalesce(c.node_id, 0) AS node_id,
       coalesce(c.incarnation, 0) AS incarnation, c.flush_seq, c.done_map, c.open_map
  FROM unnest($1::int[], $2::int[]) w(campaign_id, chunk_no)
  JOIN chunk c USING (campaign_id, chunk_no);
