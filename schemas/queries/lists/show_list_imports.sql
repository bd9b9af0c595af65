-- The $2 latest imports of list $1.
SELECT import_id, file, encoding, update_mode, lines, added, updated, unchanged, duplicates,
       refused, kept_out, imported_by, imported_at, undone_at
  FROM import WHERE list_id = $1 ORDER BY import_id DESC LIMIT $2;
