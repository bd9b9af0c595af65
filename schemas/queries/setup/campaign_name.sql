-- The name of campaign $1.
SELECT name FROM campaign WHERE campaign_id = $1
