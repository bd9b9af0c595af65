-- A shared setting. $1 key, $2 actor, $3 because, $4 value.
WITH was AS (
	SELECT value FROM setting WHERE key = $1
), stated AS (
	INSERT INTO setting (key, value, set_by) VALUES ($1, $4, $2)
	ON CONFLICT (key) DO UPDATE
	   SET value = excluded.value, set_by = excluded.set_by, set_at = now()
	RETURNING key
), noted AS (
	INSERT INTO event (actor, verb, object, because, detail)
	SELECT $2, 'config set', 'setting:' || key, $3,
	       jsonb_build_object('value', $4::text, 'was', (SELECT value FROM was))
	  FROM stated
)
SELECT key, pg_notify('edm', 'settings')::text FROM stated
