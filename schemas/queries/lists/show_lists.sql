-- Every list ($1 NULL) or one: members by status, imports.
SELECT l.list_id, l.name, l.description, l.created_by, l.created_at,
       (SELECT coalesce(sum(n), 0)::bigint FROM list_domain_count c WHERE c.list_id = l.list_id)
		AS subscribed,
       (SELECT count(*) FROM list_member m WHERE m.list_id = l.list_id AND m.status = 2)
		AS unsubscribed,
       (SELECT count(*) FROM list_member m WHERE m.list_id = l.list_id AND m.status = 3)
		AS complained,
       (SELECT count(*) FROM import i WHERE i.list_id = l.list_id AND i.undone_at IS NULL)
		AS imports
  FROM list l
 WHERE l.removed_at IS NULL AND (($1::text IS NULL AND NOT l.hidden) OR l.name = $1)
 ORDER BY l.name;
