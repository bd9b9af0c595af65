-- What parties had learnt when they were saved; age_ms: how long ago. Those of the last day.
SELECT n.name, target, domain, campaign_id, coalesce(c.name, domain), learnt,
       (extract(epoch FROM now() - saved_at) * 1000)::bigint AS age_ms, forgotten
  FROM party_state
  JOIN node n USING (node_id)
  LEFT JOIN campaign c USING (campaign_id)
 WHERE saved_at > now() - interval '1 day'
 ORDER BY n.name COLLATE "C", target, domain, campaign_id;
