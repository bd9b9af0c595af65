-- How many people the members of the lists of campaign $1 are: who is in several lists, in an
-- excluded one or suppressed is seen in a sample of at most some 4,000 members, those of the 30
-- biggest domains with the lowest rids (which are spread evenly). Of a campaign made from another
-- one, its people in the states asked for are known, and the sample is of them: who is suppressed
-- since, or in the lists no more, is often most of them (bounced). Returns
-- members, people; of a campaign made from another one, of whom the lists say nothing, a row for
-- each domain of the sample (or one, without) that has so many people n in it.
WITH of_another AS MATERIALIZED (
	SELECT audience_of, audience_states FROM campaign
	 WHERE campaign_id = $1::int AND audience_of IS NOT NULL
), own AS MATERIALIZED (
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
), of_other AS (
	SELECT coalesce(sum(x.n), 0)::bigint AS n
	  FROM of_another a
	  JOIN (SELECT campaign_id, state, n FROM moves
	        UNION ALL SELECT campaign_id, state, n FROM moves_delta) x
	    ON x.campaign_id = a.audience_of AND x.state = ANY (a.audience_states)
), reached AS MATERIALIZED (
	SELECT x.rid, x.domain_id FROM of_another a CROSS JOIN LATERAL (
		SELECT o.rid, o.domain_id FROM outcome o
		 WHERE o.campaign_id = a.audience_of AND o.state = ANY (a.audience_states)
		   AND o.state BETWEEN 4 AND 10
		 LIMIT 4000) x
	UNION
	SELECT x.rid, x.domain_id FROM of_another a CROSS JOIN LATERAL (
		SELECT u.rid, u.domain_id FROM unknown u
		 WHERE u.campaign_id = a.audience_of AND 11 = ANY (a.audience_states)
		 LIMIT 4000) x
	UNION
	SELECT r.rid, r.domain_id FROM of_another a CROSS JOIN LATERAL (
		SELECT c.done_map, d.rids, d.domains
		  FROM chunk c JOIN chunk_data d USING (campaign_id, chunk_no)
		 WHERE c.campaign_id = a.audience_of AND c.state = 3
		   AND c.settled_as = ANY (a.audience_states)
		 LIMIT 4) x
	 CROSS JOIN LATERAL unnest(x.rids, x.domains) WITH ORDINALITY r(rid, domain_id, i)
	 WHERE get_bit(x.done_map, (r.i - 1)::int) = 0
), person AS MATERIALIZED (
	SELECT DISTINCT rid, domain_id FROM member WHERE NOT EXISTS (SELECT FROM of_another)
	UNION ALL
	SELECT r.rid, r.domain_id FROM reached r CROSS JOIN LATERAL (
		SELECT FROM own JOIN list_member m USING (list_id)
		 WHERE m.domain_id = r.domain_id AND m.rid = r.rid AND m.status = 1
		 LIMIT 1) m
), kept AS MATERIALIZED (
	SELECT p.domain_id, count(*) AS n FROM person p
	 WHERE NOT EXISTS (SELECT FROM suppression s
	        WHERE s.rid = p.rid AND (s.until IS NULL OR s.until > now())
	          AND (s.scope = 0 OR s.scope IN (SELECT list_id FROM own)))
	   AND NOT EXISTS (SELECT FROM campaign_list x JOIN list_member e USING (list_id)
	        WHERE x.campaign_id = $1::int AND x.excluded
	          AND e.domain_id = p.domain_id AND e.rid = p.rid)
	 GROUP BY 1
), total AS MATERIALIZED (
	SELECT coalesce(sum(n), 0)::bigint AS n FROM kept
)
SELECT CASE WHEN c.audience_of IS NULL THEN (SELECT count(*) FROM member)
            ELSE (SELECT n FROM total) END AS members,
       CASE WHEN c.audience_of IS NULL THEN (SELECT n FROM total)
            ELSE (SELECT round(o.n * coalesce(t.n::numeric / nullif(r.n, 0), 1))::bigint
                    FROM of_other o, total t, (SELECT count(*) AS n FROM reached) r)
       END AS people,
       c.audience_of IS NOT NULL AS is_of_another, k.domain_id, coalesce(k.n, 0) AS n
  FROM campaign c LEFT JOIN kept k ON c.audience_of IS NOT NULL
 WHERE c.campaign_id = $1::int;
