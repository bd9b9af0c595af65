-- The memberships of $1 (a rid).
SELECT m.list_id, l.name, m.status, coalesce(m.consent, ''), m.attributes, m.added_at, m.changed_at,
       coalesce(m.import_id, 0)
  FROM list_member m JOIN list l USING (list_id)
 WHERE m.rid = $1 AND l.removed_at IS NULL
 ORDER BY l.name;
