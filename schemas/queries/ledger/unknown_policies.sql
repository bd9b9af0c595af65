-- Whether the unknown of campaigns are tried again (cancelled ones are not), and the time.
-- $1 campaigns.
SELECT campaign_id, unknown_policy = 2 AND state <> 6 AS again, clock_timestamp() AS now
  FROM campaign WHERE campaign_id = ANY ($1::int[]);
