-- What import $1 was.
SELECT i.list_id, coalesce(l.name, '') AS list, i.file, i.undone_at, i.added, i.updated
  FROM import i LEFT JOIN list l USING (list_id)
 WHERE i.import_id = $1;
