-- The staged rows become members of list $2 under import $1, and the import is written down. Of
-- rows with the same address the last one counts (update mode $3 = 3, keep: the first), and where a
-- cell of it is empty, the nearest one that is filled. Runs under the import lock, which is why a
-- plain INSERT is enough.
-- $4 consent or NULL · $5 attribute names of the file · $6 file · $7 encoding · $8 mapping (JSON) ·
-- $9 rows of the file · $10 refused rows · $11 by whom
WITH picked AS MATERIALIZED (
	SELECT rid, address, domain, attributes, has_others
	  FROM (SELECT rid, address, domain, attributes, row_number() OVER of AS place,
		       lead(rid) OVER of IS NOT NULL AS has_others
		  FROM import_staging
		WINDOW of AS (PARTITION BY rid
			      ORDER BY CASE WHEN $3 = 3 THEN line ELSE -line END)) o
	 WHERE place = 1
),
-- Empty cells are no attributes. Of a key that stands twice the one aggregated last stays.
filled AS (
	SELECT s.rid, jsonb_object_agg(a.key, a.value
				       ORDER BY CASE WHEN $3 = 3 THEN -s.line ELSE s.line END)
		      AS attributes
	  FROM picked p JOIN import_staging s USING (rid), jsonb_each(s.attributes) a
	 WHERE p.has_others
	 GROUP BY s.rid
),
-- Causes of suppression here: 2 unsubscribed, 3 complained, 6 erased keep a person out of the
-- list; the others do not send, but may be lifted, so they may be members.
suppressed AS MATERIALIZED (
	SELECT rid, bool_or(cause IN (2, 3, 6)) AS is_out
	  FROM (SELECT rid, cause FROM suppression
		 WHERE scope IN (0, $2) AND (until IS NULL OR until > now())
		UNION ALL
		SELECT rid, cause FROM suppression_feed
		 WHERE scope IN (0, $2) AND NOT folded AND NOT lifted) s
	 GROUP BY rid
),
whole AS (
	SELECT p.rid, p.address, p.domain, coalesce(f.attributes, p.attributes) AS attributes
	  FROM picked p LEFT JOIN filled f USING (rid)
),
compared AS (
	SELECT p.rid, d.domain_id, p.address, r.rid IS NULL AS is_new_person,
	       m.rid IS NOT NULL AS is_member,
	       m.status <> 1 OR coalesce(s.is_out, false) AS is_out,
	       s.rid IS NOT NULL AS is_suppressed,
	       m.import_id, m.consent, m.attributes AS was_attributes,
	       CASE WHEN m.rid IS NULL THEN p.attributes
		    WHEN $3 = 2 THEN (SELECT coalesce(jsonb_object_agg(key, value), '{}')
					FROM jsonb_each(m.attributes) WHERE key = ANY ($5::text[]))
				     || p.attributes
		    ELSE m.attributes || p.attributes END AS attributes
	  FROM whole p
	  JOIN recipient_domain d ON d.name = p.domain
	  LEFT JOIN recipient r ON r.rid = p.rid
	  LEFT JOIN list_member m ON m.list_id = $2 AND m.domain_id = d.domain_id AND m.rid = p.rid
	  LEFT JOIN suppressed s ON s.rid = p.rid
),
judged AS MATERIALIZED (
	SELECT *,
	       CASE WHEN is_out THEN 'kept out'
		    WHEN NOT is_member THEN 'added'
		    WHEN $3 = 3 OR (attributes = was_attributes
				    AND ($4::text IS NULL OR consent IS NOT DISTINCT FROM $4))
		    THEN 'unchanged'
		    ELSE 'updated' END AS verdict
	  FROM compared
),
people AS (
	INSERT INTO recipient (rid, domain_id, address)
	SELECT rid, domain_id, address FROM judged WHERE is_new_person AND verdict = 'added'
),
added AS (
	INSERT INTO list_member (list_id, domain_id, rid, import_id, consent, attributes)
	SELECT $2, domain_id, rid, $1, $4, attributes FROM judged WHERE verdict = 'added'
	 ORDER BY domain_id, rid -- the heap lies as the audience build will read it
),
remembered AS (
	INSERT INTO import_change (import_id, list_id, domain_id, rid, was_import, was_consent,
				   was_attributes)
	SELECT $1, $2, domain_id, rid, import_id, consent, was_attributes
	  FROM judged WHERE verdict = 'updated'
),
updated AS (
	UPDATE list_member m
	   SET attributes = j.attributes, consent = coalesce($4, m.consent), import_id = $1,
	       changed_at = now()
	  FROM judged j
	 WHERE j.verdict = 'updated' AND m.list_id = $2 AND m.domain_id = j.domain_id
	   AND m.rid = j.rid
),
counted AS (
	INSERT INTO list_domain_count AS c (list_id, domain_id, n)
	SELECT $2, domain_id, count(*) FROM judged WHERE verdict = 'added' GROUP BY domain_id
	    ON CONFLICT (list_id, domain_id) DO UPDATE SET n = c.n + excluded.n
),
totals AS (
	SELECT count(*) FILTER (WHERE verdict = 'added') AS added,
	       count(*) FILTER (WHERE verdict = 'updated') AS updated,
	       count(*) FILTER (WHERE verdict = 'unchanged') AS unchanged,
	       count(*) FILTER (WHERE verdict = 'kept out') AS kept_out,
	       (SELECT count(*) FROM import_staging) - count(*) AS duplicates,
	       count(*) FILTER (WHERE is_suppressed AND verdict <> 'kept out') AS suppressed
	  FROM judged
)
INSERT INTO import (import_id, list_id, file, encoding, mapping, update_mode, consent, lines, added,
		    updated, unchanged, duplicates, refused, kept_out, imported_by)
SELECT $1, $2, $6, $7, $8::jsonb, $3, $4, $9, added, updated, unchanged, duplicates, $10, kept_out,
       $11
  FROM totals
RETURNING added, updated, unchanged, duplicates, kept_out,
	  (SELECT suppressed FROM totals) AS suppressed;
