-- Every batch is built: the audience is what they hold. $1 campaign.
UPDATE audience a SET complete = true, completed_at = now(),
       total = (SELECT coalesce(sum(n), 0) FROM build_batch b WHERE b.campaign_id = a.campaign_id)
 WHERE a.campaign_id = $1::int AND NOT a.complete
RETURNING total;
