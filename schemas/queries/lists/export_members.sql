-- The next $4 members of list $1 after (domain $2, rid $3), with the values of attributes $5 in
-- that order. Attributes that are no strings come as JSON.
SELECT m.domain_id, m.rid, r.address, m.status, coalesce(m.consent, ''), m.added_at,
       ARRAY (SELECT coalesce(m.attributes ->> name, '')
		FROM unnest($5::text[]) WITH ORDINALITY AS x(name, place) ORDER BY place)
  FROM list_member m JOIN recipient r USING (rid)
 WHERE m.list_id = $1 AND (m.domain_id, m.rid) > ($2, $3)
 ORDER BY m.domain_id, m.rid
 LIMIT $4;
