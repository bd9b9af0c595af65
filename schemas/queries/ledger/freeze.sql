-- Freezes whom a campaign goes to: its domains, the members expected of each (from the counts
-- import keeps; no member is read) and their groups. Of a campaign --audience-of another, also
-- the people of that one in the states asked for (of no other is an outcome looked at: the index by
-- campaign is a coarse one). Does nothing when it is frozen already.
-- $1 campaign, $2 people in a batch, $3 people that make a domain a group of its own.
WITH fresh AS MATERIALIZED (
	SELECT p.campaign_id, p.audience_of, p.audience_states FROM campaign p
	 WHERE p.campaign_id = $1::int
	   AND NOT EXISTS (SELECT 1 FROM audience a WHERE a.campaign_id = p.campaign_id)
), of_another AS MATERIALIZED (
	SELECT campaign_id, audience_of, audience_states FROM fresh WHERE audience_of IS NOT NULL
), a AS (
	INSERT INTO audience(campaign_id, batch_size) SELECT campaign_id, $2::int FROM fresh
), counted AS (
	SELECT fresh.campaign_id, c.domain_id, sum(c.n)::int AS n
	  FROM fresh JOIN campaign_list l USING (campaign_id)
	  JOIN list_domain_count c USING (list_id)
	 WHERE NOT l.excluded AND c.n > 0
	 GROUP BY 1, 2
), d AS (
	INSERT INTO audience_domain(campaign_id, domain_id, n, group_name)
	SELECT counted.campaign_id, counted.domain_id, counted.n,
	       coalesce(exact.host || ':' || exact.port, star.host || ':' || star.port, d.provider,
	                CASE WHEN counted.n >= $3::int THEN d.name END, 'tail')
	  FROM counted JOIN recipient_domain d USING (domain_id)
	  LEFT JOIN route exact ON exact.domain = d.name
	  LEFT JOIN route star ON star.domain = '*'
), f AS (
	INSERT INTO audience_filter(campaign_id, rid)
	SELECT of_another.campaign_id, o.rid
	  FROM of_another JOIN outcome o ON o.campaign_id = of_another.audience_of
	 WHERE o.state = ANY (of_another.audience_states) AND o.state BETWEEN 4 AND 10
	UNION
	SELECT of_another.campaign_id, u.rid
	  FROM of_another JOIN unknown u ON u.campaign_id = of_another.audience_of
	 WHERE 11 = ANY (of_another.audience_states)
	UNION
	SELECT of_another.campaign_id, x.rid
	  FROM of_another JOIN chunk c ON c.campaign_id = of_another.audience_of AND c.state = 3
	                              AND c.settled_as = ANY (of_another.audience_states)
	  JOIN chunk_data d ON d.campaign_id = c.campaign_id AND d.chunk_no = c.chunk_no,
	       unnest(d.rids) WITH ORDINALITY x(rid, i)
	 WHERE get_bit(c.done_map, (x.i - 1)::int) = 0
)
SELECT count(*) FROM fresh;
