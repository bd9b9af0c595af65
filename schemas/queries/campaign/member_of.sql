-- A member of campaign $1's lists to show it for: the one with rid $2, or any (NULL). 0 or 1 row.
-- cause, list: why and where (empty = everywhere) he is suppressed, as far as the campaign is
-- concerned; 0: he is not. excluded: an excluded list he is in, or empty.
WITH own AS (
	SELECT list_id, position FROM campaign_list WHERE campaign_id = $1::int AND NOT excluded
)
SELECT r.rid, r.address, m.attributes, coalesce(s.cause, 0)::int AS cause,
       coalesce(s.list, '') AS list, coalesce(x.name, '') AS excluded
  FROM own CROSS JOIN LATERAL (
	SELECT rid, domain_id, attributes FROM list_member m
	 WHERE m.list_id = own.list_id AND m.status = 1 AND ($2::bigint IS NULL OR m.rid = $2)
	 LIMIT 1) m
  JOIN recipient r ON r.rid = m.rid
  LEFT JOIN LATERAL (
	SELECT e.cause, l.name AS list
	  FROM (SELECT scope, cause FROM suppression
	         WHERE rid = r.rid AND (until IS NULL OR until > now())
	        UNION ALL
	        SELECT scope, cause FROM suppression_feed
	         WHERE rid = r.rid AND NOT folded AND NOT lifted) e
	  LEFT JOIN list l ON l.list_id = e.scope
	 WHERE e.scope = 0 OR e.scope IN (SELECT list_id FROM own)
	 ORDER BY e.scope, e.cause LIMIT 1) s ON true
  LEFT JOIN LATERAL (
	SELECT l.name
	  FROM campaign_list c JOIN list_member e USING (list_id) JOIN list l USING (list_id)
	 WHERE c.campaign_id = $1::int AND c.excluded AND e.domain_id = m.domain_id
	   AND e.rid = r.rid
	 ORDER BY l.name LIMIT 1) x ON true
 ORDER BY own.position LIMIT 1
