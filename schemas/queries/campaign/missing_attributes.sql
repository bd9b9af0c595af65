-- For each name in $2: whether any member of campaign $1's lists has it, and how many of a sample
-- of its members ($3 of each list) have it not, or empty. In the order of $2.
WITH sample AS MATERIALIZED (
	SELECT m.attributes
	  FROM campaign_list l,
	       LATERAL (SELECT attributes FROM list_member m
	                 WHERE m.list_id = l.list_id AND m.status = 1 LIMIT $3::int) m
	 WHERE l.campaign_id = $1::int AND NOT l.excluded
)
SELECT EXISTS (SELECT 1 FROM campaign_list l JOIN list_member m USING (list_id)
                WHERE l.campaign_id = $1::int AND NOT l.excluded AND m.status = 1
                  AND m.attributes ? u.name) AS is_known,
       (SELECT count(*) FROM sample WHERE coalesce(attributes ->> u.name, '') = '') AS lacking,
       (SELECT count(*) FROM sample) AS sampled
  FROM unnest($2::text[]) WITH ORDINALITY u(name, i)
 ORDER BY u.i
