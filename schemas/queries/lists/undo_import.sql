-- Takes import $1 of list $2 back: members it added go, members it changed are as before. Members
-- that a later import changed stay as they are ("later"), and so do those who left the list since
-- ("left"): what they said outlives the import.
WITH mine AS MATERIALIZED (
	SELECT m.domain_id, m.rid, m.status, c.rid IS NOT NULL AS was_there, c.was_import,
	       c.was_consent, c.was_attributes
	  FROM list_member m
	  LEFT JOIN import_change c ON c.import_id = $1 AND c.list_id = m.list_id
				   AND c.domain_id = m.domain_id AND c.rid = m.rid
	 WHERE m.list_id = $2 AND m.import_id = $1
),
removed AS (
	DELETE FROM list_member m USING mine x
	 WHERE NOT x.was_there AND x.status = 1
	   AND m.list_id = $2 AND m.domain_id = x.domain_id AND m.rid = x.rid
),
counted AS (
	UPDATE list_domain_count c SET n = c.n - x.n
	  FROM (SELECT domain_id, count(*)::int AS n FROM mine WHERE NOT was_there AND status = 1
		 GROUP BY domain_id) x
	 WHERE c.list_id = $2 AND c.domain_id = x.domain_id
),
restored AS (
	UPDATE list_member m
	   SET attributes = x.was_attributes, consent = x.was_consent, import_id = x.was_import,
	       changed_at = now()
	  FROM mine x
	 WHERE x.was_there AND m.list_id = $2 AND m.domain_id = x.domain_id AND m.rid = x.rid
),
forgotten AS (
	DELETE FROM import_change WHERE import_id = $1
),
marked AS (
	UPDATE import SET undone_at = now() WHERE import_id = $1
)
SELECT count(*) FILTER (WHERE NOT was_there AND status = 1) AS removed,
       count(*) FILTER (WHERE was_there) AS restored,
       count(*) FILTER (WHERE NOT was_there AND status <> 1) AS left_list,
       (SELECT count(*) FROM import_change WHERE list_id = $2 AND was_import = $1) AS later
  FROM mine;
