-- At which sites of the tail people of the frozen campaigns $1 are: by group ("tail", or a big
-- domain; empty: all who are put off) shares n of the people looked at, and how many domains of
-- theirs are there. Of the tail some 30 chunks of a campaign are read, of who is put off 5,000, of
-- an audience still being built its 5,000 biggest domains. A site is told by its name if it is one
-- of $2, or one of the eight that hold most people and no less than a hundredth; the others
-- together by ''.
WITH named AS MATERIALIZED (
	SELECT DISTINCT ON (domain) domain, site
	  FROM unnest($2::text[]) site,
	       LATERAL (SELECT string_to_array(site, '.') AS labels) x,
	       LATERAL (SELECT array_to_string(labels[i:], '.') AS domain
	                  FROM generate_series(1, cardinality(labels) - 1) i) y
	 ORDER BY domain, site
), picked AS MATERIALIZED (
	SELECT campaign_id, chunk_no, done_map
	  FROM (SELECT campaign_id, chunk_no, done_map,
	               row_number() OVER (PARTITION BY campaign_id
	                                  ORDER BY hashint4(chunk_no), chunk_no) AS nth
	          FROM chunk
	         WHERE campaign_id = ANY ($1::int[]) AND state < 2 AND group_name = 'tail') c
	 WHERE nth <= 30
), person AS (
	SELECT p.campaign_id, 'tail' AS group_name, x.domain_id, count(*) AS n
	  FROM picked p JOIN chunk_data d USING (campaign_id, chunk_no)
	 CROSS JOIN LATERAL unnest(d.domains) WITH ORDINALITY x(domain_id, i)
	 WHERE get_bit(p.done_map, (x.i - 1)::int) = 0
	 GROUP BY 1, 3
	UNION ALL
	SELECT c.campaign_id, c.group_name, d.domain_id, sum(c.n - bit_count(c.done_map))::bigint
	  FROM chunk c JOIN recipient_domain d ON d.name = c.group_name
	 WHERE c.campaign_id = ANY ($1::int[]) AND c.state < 2
	 GROUP BY 1, 2, 3
	UNION ALL
	SELECT r.campaign_id, '', r.domain_id, count(*)
	  FROM unnest($1::int[]) asked(campaign_id)
	 CROSS JOIN LATERAL (SELECT campaign_id, domain_id FROM retry
	                      WHERE retry.campaign_id = asked.campaign_id LIMIT 5000) r
	 GROUP BY 1, 3
	UNION ALL
	SELECT e.campaign_id, e.group_name, e.domain_id, e.n
	  FROM unnest($1::int[]) asked(campaign_id)
	 CROSS JOIN LATERAL (SELECT d.campaign_id, d.group_name, d.domain_id, d.n
	                       FROM audience a JOIN audience_domain d USING (campaign_id)
	                      WHERE a.campaign_id = asked.campaign_id AND NOT a.complete
	                      ORDER BY d.n DESC LIMIT 5000) e
), placed AS MATERIALIZED (
	SELECT p.campaign_id, p.group_name, coalesce(d.last_mx, named.site) AS site,
	       sum(p.n)::bigint AS n, count(*) AS domains
	  FROM person p JOIN recipient_domain d USING (domain_id)
	  LEFT JOIN named ON named.domain = d.name
	 WHERE d.provider IS NULL AND p.group_name IN ('tail', '', d.name) AND NOT EXISTS (
	       SELECT FROM route r WHERE r.domain IN (d.name, '*'))
	 GROUP BY 1, 2, 3
), size AS (
	SELECT site, sum(n) AS n FROM placed GROUP BY 1
), chosen AS MATERIALIZED (
	SELECT site
	  FROM (SELECT site, n, sum(n) OVER () AS whole,
	               row_number() OVER (ORDER BY site IS NULL, n DESC, site) AS nth FROM size) s
	 WHERE site = ANY ($2::text[]) OR (site IS NOT NULL AND nth <= 8 AND 100 * n >= whole)
)
SELECT p.campaign_id, p.group_name, coalesce(c.site, '') AS site, sum(p.n)::bigint AS n,
       sum(p.domains)::bigint AS domains
  FROM placed p LEFT JOIN chosen c USING (site)
 GROUP BY 1, 2, 3 HAVING sum(p.n) > 0;
