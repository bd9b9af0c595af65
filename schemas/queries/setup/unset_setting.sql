-- Takes a shared setting away. $1 key, $2 actor, $3 because. No row: it was not set.
WITH gone AS (
	DELETE FROM setting WHERE key = $1 RETURNING key, value
), noted AS (
	INSERT INTO event (actor, verb, object, because, detail)
	SELECT $2, 'config unset', 'setting:' || key, $3, jsonb_build_object('was', value)
	  FROM gone
)
SELECT key, pg_notify('edm', 'settings')::text FROM gone
