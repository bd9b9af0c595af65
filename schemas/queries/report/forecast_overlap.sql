-- How many people the members of the lists of campaign $1 are: who is in several lists, in an
-- excluded one or suppressed is seen in a sample of at most some 4,000 members, those of the 30
-- biggest domains with the lowest rids (which are spread evenly). Of a campaign made from another
-- one, its people in the states asked for are known. Returns members looked at, people among them.
WITH own AS (
	SELECT list_id FROM campaign_list WHERE campaign_id = $1::int AND NOT excluded
), big AS MATERIALIZED (
	SELECT c.domain_id, sum(c.n)::bigint AS n
	  FROM own JOIN list_domain_count c USING (list_id)
	 GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 30
), part AS MATERIALIZED (
	SELECT (-9223372036854775808 + trunc(18446744073709551615
	        * least(1, 4000 / greatest(sum(n), 1))))::bigint AS rid_hi
	  FROM big
), member AS MATERIALIZED (
	SELECT m.rid, m.domain_id
	  FROM part CROSS JOIN big CROSS JOIN own
	 CROSS JOIN LATERAL (
		SELECT x.rid, x.domain_id FROM list_member x
		 WHERE x.list_id = own.list_id AND x.domain_id = big.domain_id
		   AND x.rid <= part.rid_hi AND x.status = 1) m
), person AS MATERIALIZED (
	SELECT DISTINCT rid, domain_id FROM member
), of_other AS (
	SELECT coalesce(sum(x.n), 0)::bigint AS n
	  FROM campaign c
	  JOIN (SELECT campaign_id, state, n FROM moves
	        UNION ALL SELECT campaign_id, state, n FROM moves_delta) x
	    ON x.campaign_id = c.audience_of AND x.state = ANY (c.audience_states)
	 WHERE c.campaign_id = $1::int
)
SELECT CASE WHEN c.audience_of IS NULL THEN (SELECT count(*) FROM member)
            ELSE (SELECT coalesce(sum(d.n), 0)::bigint FROM own
                    JOIN list_domain_count d USING (list_id)) END AS members,
       CASE WHEN c.audience_of IS NOT NULL THEN (SELECT n FROM of_other)
            ELSE (SELECT count(*) FROM person p
                   WHERE NOT EXISTS (SELECT FROM suppression s
                          WHERE s.rid = p.rid AND (s.until IS NULL OR s.until > now())
                            AND (s.scope = 0 OR s.scope IN (SELECT list_id FROM own)))
                     AND NOT EXISTS (SELECT FROM campaign_list x JOIN list_member e USING (list_id)
                          WHERE x.campaign_id = $1::int AND x.excluded
                            AND e.domain_id = p.domain_id AND e.rid = p.rid)) END AS people
  FROM campaign c WHERE c.campaign_id = $1::int;
