-- Whom the campaigns $1, which are not frozen, would go to: members of their lists by group, from
-- the counts import keeps; no member is read. Who is in several lists counts in each. $2 domains
-- known to live at the providers $3. Of campaign $4 (0: of none) not the lists count, but so many
-- people $6 of the domains $5. Those of the tail are told by site, as report/forecast_sites has it
-- with the names $7. domains: how many there are in the group.
WITH named AS MATERIALIZED (
	SELECT DISTINCT ON (domain) domain, site
	  FROM unnest($7::text[]) site,
	       LATERAL (SELECT string_to_array(site, '.') AS labels) x,
	       LATERAL (SELECT array_to_string(labels[i:], '.') AS domain
	                  FROM generate_series(1, cardinality(labels) - 1) i) y
	 ORDER BY domain, site
), counted AS (
	SELECT l.campaign_id, c.domain_id, sum(c.n)::bigint AS n
	  FROM campaign_list l JOIN list_domain_count c USING (list_id)
	 WHERE l.campaign_id = ANY ($1::int[]) AND l.campaign_id <> $4::int AND NOT l.excluded
	   AND c.n > 0
	 GROUP BY 1, 2
	UNION ALL
	SELECT $4::int, domain_id, n FROM unnest($5::int[], $6::bigint[]) x(domain_id, n)
), grouped AS (
	SELECT c.campaign_id, c.n, coalesce(d.last_mx, named.site) AS mx,
	       coalesce(exact.host || ':' || exact.port, star.host || ':' || star.port, d.provider,
	                k.provider, 'tail') AS group_name
	  FROM counted c JOIN recipient_domain d USING (domain_id)
	  LEFT JOIN unnest($2::text[], $3::text[]) k(domain, provider) ON k.domain = d.name
	  LEFT JOIN named ON named.domain = d.name
	  LEFT JOIN route exact ON exact.domain = d.name
	  LEFT JOIN route star ON star.domain = '*'
), placed AS MATERIALIZED (
	SELECT campaign_id, group_name, CASE WHEN group_name = 'tail' THEN mx END AS site,
	       sum(n)::bigint AS n, count(*) AS domains
	  FROM grouped GROUP BY 1, 2, 3
), size AS (
	SELECT site, sum(n) AS n FROM placed WHERE group_name = 'tail' GROUP BY 1
), chosen AS MATERIALIZED (
	SELECT site
	  FROM (SELECT site, n, sum(n) OVER () AS whole,
	               row_number() OVER (ORDER BY site IS NULL, n DESC, site) AS nth FROM size) s
	 WHERE site = ANY ($7::text[]) OR (site IS NOT NULL AND nth <= 8 AND 100 * n >= whole)
)
SELECT p.campaign_id, p.group_name, coalesce(c.site, '') AS site, sum(p.n)::bigint AS n,
       sum(p.domains)::bigint AS domains
  FROM placed p LEFT JOIN chosen c USING (site)
 GROUP BY 1, 2, 3;
