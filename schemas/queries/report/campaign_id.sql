-- The campaign called $1.
SELECT campaign_id FROM campaign WHERE name = $1::text AND removed_at IS NULL;
