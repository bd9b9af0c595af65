-- What the checks before a start look at. $1 campaign. audience: subscribed members of its lists,
-- those in several counted twice; of_people: of a campaign made from another one, its people in the
-- states asked for.
SELECT (SELECT count(*) FROM campaign_list l
	 WHERE l.campaign_id = c.campaign_id AND NOT l.excluded) AS lists,
	ARRAY(SELECT l.name FROM campaign_list cl JOIN list l USING (list_id)
	       WHERE cl.campaign_id = c.campaign_id AND l.removed_at IS NOT NULL
	         AND NOT cl.excluded
	       ORDER BY 1) AS removed_lists,
	ARRAY(SELECT l.name FROM campaign_list cl JOIN list l USING (list_id)
	       WHERE cl.campaign_id = c.campaign_id AND l.removed_at IS NOT NULL AND cl.excluded
	       ORDER BY 1) AS removed_excluded,
	(SELECT coalesce(sum(d.n), 0)::bigint
	   FROM campaign_list l JOIN list_domain_count d USING (list_id)
	  WHERE l.campaign_id = c.campaign_id AND NOT l.excluded) AS audience,
	(SELECT count(*) FROM source WHERE state = 1) AS sources,
	(SELECT count(*) FROM source WHERE state = 1 AND (c.pool IS NULL OR pool = c.pool))
		AS pool_sources,
	coalesce(c.pool, '') AS pool, lower(split_part(c.from_address, '@', 2)) AS from_domain,
	s.sending_domain_id IS NOT NULL AS domain_is_known, c.unsigned,
	(SELECT count(*) FROM dkim_key k
	  WHERE k.sending_domain_id = s.sending_domain_id AND k.state = 2) AS signing_keys,
	coalesce(s.unsubscribe_base, '') AS unsubscribe_base,
	c.deadline, c.scheduled_at, now() AS now,
	(SELECT count(*) FROM node WHERE lease_until > now() AND state = 1) AS nodes,
	coalesce(o.name, '') AS of_name, coalesce(o.state, 0)::int AS of_state,
	(SELECT coalesce(sum(x.n), 0)::bigint
	   FROM (SELECT state, n FROM moves m WHERE m.campaign_id = o.campaign_id
	         UNION ALL SELECT state, n FROM moves_delta d WHERE d.campaign_id = o.campaign_id) x
	  WHERE x.state = ANY (c.audience_states)) AS of_people,
	coalesce(p.who, '') AS paused_by, coalesce(p.why, '') AS paused_why,
	CASE WHEN p.scope = 1 THEN 'all mail' WHEN p.scope IS NOT NULL THEN 'this campaign'
	     ELSE '' END AS paused_what
  FROM campaign c
  LEFT JOIN sending_domain s
    ON s.name = lower(split_part(c.from_address, '@', 2)) AND s.removed_at IS NULL
  LEFT JOIN campaign o ON o.campaign_id = c.audience_of
  LEFT JOIN LATERAL (SELECT scope, who, why FROM pause
	WHERE lifted_at IS NULL AND (until IS NULL OR until > now())
	  AND provider IS NULL AND source_name IS NULL AND site IS NULL
	  AND (campaign_id IS NULL OR campaign_id = c.campaign_id)
	ORDER BY until DESC NULLS FIRST, pause_id LIMIT 1) p ON true
 WHERE c.campaign_id = $1
