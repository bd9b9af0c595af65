-- The list called $1, made if it is not there ($2 by whom). made: it was not.
WITH made AS (
	INSERT INTO list (name, created_by) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING
	RETURNING list_id
)
SELECT list_id, true AS made FROM made
UNION ALL
SELECT list_id, false FROM list WHERE name = $1;
