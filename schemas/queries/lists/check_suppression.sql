-- Why $1 (a rid) is suppressed, and where; from the feed too, which has what is not folded yet: of
-- several flushes that found it, it keeps what the fold will keep.
SELECT s.scope, coalesce(l.name, '') AS list, s.cause, s.rule, s.note, s.added_by, s.at, s.until,
       coalesce(s.campaign_id, 0) AS campaign_id, coalesce(s.import_id, 0) AS import_id
  FROM (SELECT DISTINCT ON (scope, cause) * FROM (
		SELECT 0 AS place, scope, cause, rule, note, added_by, at, until, campaign_id,
		       import_id
		  FROM suppression WHERE rid = $1 AND (until IS NULL OR until > now())
		UNION ALL
		SELECT 1, scope, cause, rule, '', '', at, NULL, campaign_id, NULL
		  FROM suppression_feed WHERE rid = $1 AND NOT folded AND NOT lifted) x
	 ORDER BY scope, cause, place, at) s
  LEFT JOIN list l ON l.list_id = s.scope
 ORDER BY s.at, s.cause;
