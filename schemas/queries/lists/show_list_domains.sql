-- The $2 biggest domains of list $1.
SELECT d.name, c.n, coalesce(d.provider, '') AS provider
  FROM list_domain_count c JOIN recipient_domain d USING (domain_id)
 WHERE c.list_id = $1 AND c.n > 0
 ORDER BY c.n DESC, d.name
 LIMIT $2;
