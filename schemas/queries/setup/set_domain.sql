-- Changes a sending domain; NULL keeps. $1 … $6 as in add_domain. No row: there is none.
WITH changed AS (
	UPDATE sending_domain
	   SET return_path = coalesce($2, return_path), feedback_id = coalesce($3, feedback_id),
	       unsubscribe_base = coalesce($4, unsubscribe_base)
	 WHERE name = $1 AND removed_at IS NULL
	RETURNING name
), noted AS (
	INSERT INTO event (actor, verb, object, because, detail)
	SELECT $5, 'domain set', 'domain:' || name, $6,
	       jsonb_strip_nulls(jsonb_build_object(
	           'return_path', $2::text, 'feedback_id', $3::text,
	           'unsubscribe_base', $4::text))
	  FROM changed
)
SELECT name, pg_notify('edm', 'identity')::text FROM changed
