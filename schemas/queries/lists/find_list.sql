-- The list called $1.
SELECT list_id FROM list WHERE name = $1 AND removed_at IS NULL;
