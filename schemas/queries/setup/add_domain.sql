-- A new sending domain, or one that was removed again. $1 name, $2 return path, $3 feedback id,
-- $4 unsubscribe base (NULL: none), $5 actor, $6 because. No row: it is there.
WITH added AS (
	INSERT INTO sending_domain AS d (name, return_path, feedback_id, unsubscribe_base)
	VALUES ($1, coalesce($2, ''), coalesce($3, ''), coalesce($4, ''))
	ON CONFLICT (name) DO UPDATE
	   SET return_path = excluded.return_path, feedback_id = excluded.feedback_id,
	       unsubscribe_base = excluded.unsubscribe_base, removed_at = NULL
	 WHERE d.removed_at IS NOT NULL
	RETURNING name
), noted AS (
	INSERT INTO event (actor, verb, object, because, detail)
	SELECT $5, 'domain add', 'domain:' || name, $6,
	       jsonb_strip_nulls(jsonb_build_object(
	           'return_path', $2::text, 'feedback_id', $3::text,
	           'unsubscribe_base', $4::text))
	  FROM added
)
SELECT name, pg_notify('edm', 'identity')::text FROM added
