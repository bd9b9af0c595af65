-- Removes list $1: its members go, its name is free again, what campaigns say about it stays.
WITH members AS (DELETE FROM list_member WHERE list_id = $1 RETURNING 1),
     counts AS (DELETE FROM list_domain_count WHERE list_id = $1),
     changes AS (DELETE FROM import_change WHERE list_id = $1),
     gone AS (UPDATE list SET removed_at = now(), name = name || ' (removed ' || list_id || ')'
	       WHERE list_id = $1)
SELECT count(*) FROM members;
