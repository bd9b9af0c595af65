-- The sending domain called $1, or with '' all that are in use.
SELECT sending_domain_id, name, return_path, feedback_id, unsubscribe_base
  FROM sending_domain
 WHERE removed_at IS NULL AND ($1::text = '' OR name = $1)
 ORDER BY name
