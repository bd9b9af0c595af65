-- Running campaigns nothing is left to do for: the build is complete and nobody waits, is leased,
-- in doubt or to be tried again.
SELECT p.campaign_id
  FROM campaign p JOIN audience a USING (campaign_id)
 WHERE p.state = 3 AND a.complete
   AND NOT EXISTS (SELECT 1 FROM chunk c WHERE c.campaign_id = p.campaign_id AND c.state = 0)
   AND NOT EXISTS (SELECT 1 FROM chunk c WHERE c.campaign_id = p.campaign_id AND c.state = 1)
   AND NOT EXISTS (SELECT 1 FROM retry r WHERE r.campaign_id = p.campaign_id)
   AND NOT EXISTS (SELECT 1 FROM doubt d WHERE d.campaign_id = p.campaign_id AND d.open);
