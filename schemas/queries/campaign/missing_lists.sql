-- The names in $1 that are no list.
SELECT u.name FROM unnest($1::text[]) WITH ORDINALITY u(name, i)
 WHERE NOT EXISTS (SELECT 1 FROM list l WHERE l.name = u.name AND l.removed_at IS NULL)
 ORDER BY u.i
