-- Removes a hidden list ($1) after its test: its member goes, the row stays for the campaign.
WITH members AS (
	DELETE FROM list_member m USING list l
	 WHERE m.list_id = $1 AND l.list_id = $1 AND l.hidden
), counts AS (
	DELETE FROM list_domain_count c USING list l
	 WHERE c.list_id = $1 AND l.list_id = $1 AND l.hidden
)
UPDATE list SET removed_at = now() WHERE list_id = $1 AND hidden
