-- Campaigns whose audience is still to be built, the most urgent first. Pause leaves a build going.
SELECT p.campaign_id
  FROM campaign p LEFT JOIN audience a USING (campaign_id)
 WHERE p.state IN (3, 4) AND p.started_at IS NOT NULL AND NOT coalesce(a.complete, false)
 ORDER BY p.priority DESC, p.started_at;
