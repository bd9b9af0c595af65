-- min_engine: 0.1.0
-- How fast a campaign is sent now, as its nodes say.

CREATE FUNCTION edm.campaign_rate(campaign int) RETURNS numeric LANGUAGE sql STABLE AS $$
	SELECT coalesce(sum((v.r ->> 'rate')::numeric), 0)
	  FROM edm.node n JOIN edm.node_live l USING (node_id, incarnation)
	 CROSS JOIN LATERAL jsonb_array_elements(l.live -> 'campaigns') v(r)
	 WHERE l.at > now() - interval '10 s' AND n.lease_until > now()
	   AND (v.r ->> 'campaign_id')::int = campaign
$$;
COMMENT ON FUNCTION edm.campaign_rate IS
	'Results (delivered, bounced, rejected) a second over the last seconds, of all nodes; what '
	'a node said more than ten seconds ago does not count.';
