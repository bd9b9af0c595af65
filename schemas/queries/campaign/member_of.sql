-- A member of campaign $1's lists to show it for: the one with rid $2, or any (NULL). 0 or 1 row.
SELECT r.rid, r.address, m.attributes
  FROM campaign_list l,
       LATERAL (SELECT rid, attributes FROM list_member m
                 WHERE m.list_id = l.list_id AND m.status = 1 AND ($2::bigint IS NULL OR m.rid = $2)
                 LIMIT 1) m
  JOIN recipient r ON r.rid = m.rid
 WHERE l.campaign_id = $1::int AND NOT l.excluded
 ORDER BY l.position LIMIT 1
