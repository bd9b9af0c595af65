-- The attributes members of list $1 have, and how many have each.
SELECT key, count(*) FROM list_member m, jsonb_object_keys(m.attributes) AS key
 WHERE m.list_id = $1 GROUP BY key ORDER BY key;
