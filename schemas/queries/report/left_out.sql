-- Campaigns that began, go to a list of $1 (a rid), and left it out because it is on another list:
-- the campaign, that list; the latest first, at most ten; or with $2 only the one of that name.
SELECT c.name, l.name
  FROM recipient p
  JOIN list_member m ON m.domain_id = p.domain_id AND m.rid = p.rid
  JOIN campaign_list x ON x.list_id = m.list_id AND x.excluded
  JOIN list l ON l.list_id = x.list_id
  JOIN campaign c ON c.campaign_id = x.campaign_id
 WHERE p.rid = $1::bigint AND c.started_at IS NOT NULL AND c.removed_at IS NULL AND NOT c.hidden
   AND ($2::text IS NULL OR c.name = $2)
   AND EXISTS (SELECT FROM campaign_list y JOIN list_member n USING (list_id)
                WHERE y.campaign_id = c.campaign_id AND NOT y.excluded
                  AND n.domain_id = p.domain_id AND n.rid = p.rid)
 ORDER BY c.started_at DESC, c.campaign_id DESC, l.name LIMIT 10;
