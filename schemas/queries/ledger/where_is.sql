-- Where one recipient of a campaign is. $1 campaign, $2 rid. One row, with what applies:
-- retry (due_at …), unknown, the chunk that holds it now, its final outcome or else its last one (a
-- late journal may bring a final outcome that is older than the doubt it clears).
SELECT r.due_at, r.since, r.attempt, r.class, r.cause, r.flags, r.source_id, r.node_id,
       u.at AS unknown_at,
       c.chunk_no, c.chunk_state, c.settled_as, c.group_name, c.node_id AS chunk_node,
       c.leased_at, c.is_open, c.in_doubt, c.doubt_until,
       o.at AS outcome_at, o.state AS outcome_state, o.class AS outcome_class
  FROM (SELECT $1::int AS campaign_id, $2::bigint AS rid) w
  LEFT JOIN retry r USING (campaign_id, rid)
  LEFT JOIN unknown u USING (campaign_id, rid)
  LEFT JOIN LATERAL (
	SELECT c.chunk_no, c.state AS chunk_state, c.settled_as, c.group_name, c.node_id,
	       c.leased_at,
	       get_bit(c.open_map, p.i) = 1 AS is_open,
	       coalesce(get_bit(d.map, p.i), 0) = 1 AS in_doubt, d.until AS doubt_until
	  FROM recipient who
	  JOIN chunk c ON c.campaign_id = w.campaign_id
	   AND (c.first_domain, c.first_rid) <= (who.domain_id, who.rid)
	   AND (c.last_domain, c.last_rid) >= (who.domain_id, who.rid)
	  JOIN chunk_data t ON t.campaign_id = c.campaign_id AND t.chunk_no = c.chunk_no
	 CROSS JOIN LATERAL (SELECT array_position(t.rids, who.rid) - 1 AS i) p
	  LEFT JOIN doubt d ON d.campaign_id = c.campaign_id AND d.chunk_no = c.chunk_no AND d.open
	                   AND get_bit(d.map, p.i) = 1
	 WHERE who.rid = w.rid AND p.i IS NOT NULL
	   AND (get_bit(c.done_map, p.i) = 0 OR d.map IS NOT NULL)
	 LIMIT 1) c ON true
  LEFT JOIN LATERAL (
	SELECT o.at, o.state, o.class FROM outcome o
	 WHERE o.campaign_id = w.campaign_id AND o.rid = w.rid
	 ORDER BY (o.state BETWEEN 4 AND 10) DESC, o.at DESC LIMIT 1) o ON true;
