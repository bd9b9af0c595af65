-- Campaigns that still need list $1: states 2 scheduled, 3 running, 4 paused.
SELECT string_agg(c.name, ', ' ORDER BY c.name) AS campaigns, count(*)
  FROM campaign c JOIN campaign_list x USING (campaign_id)
 WHERE x.list_id = $1 AND c.state IN (2, 3, 4);
