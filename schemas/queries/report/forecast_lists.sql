-- Whom the campaigns $1, which are not frozen, would go to: members of their lists by group, from
-- the counts import keeps; no member is read. Who is in several lists counts in each. $2 domains
-- known to live at the providers $3. domains: how many there are in the group.
WITH counted AS (
	SELECT l.campaign_id, c.domain_id, sum(c.n)::bigint AS n
	  FROM campaign_list l JOIN list_domain_count c USING (list_id)
	 WHERE l.campaign_id = ANY ($1::int[]) AND NOT l.excluded AND c.n > 0
	 GROUP BY 1, 2
)
SELECT c.campaign_id,
       coalesce(exact.host || ':' || exact.port, star.host || ':' || star.port, d.provider,
                k.provider, 'tail') AS group_name,
       sum(c.n)::bigint AS n, count(*) AS domains
  FROM counted c JOIN recipient_domain d USING (domain_id)
  LEFT JOIN unnest($2::text[], $3::text[]) k(domain, provider) ON k.domain = d.name
  LEFT JOIN route exact ON exact.domain = d.name
  LEFT JOIN route star ON star.domain = '*'
 GROUP BY 1, 2;
