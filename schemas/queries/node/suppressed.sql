-- People suppressed since the reading before, and where the next one begins (in every row; the only
-- thing in the row when nobody was). Identities commit out of order: what was in progress is read
-- again, and taken twice without harm. $1 where to begin; empty: the first reading, nobody.
SELECT s.next, f.rid
FROM (SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS next) s
	LEFT JOIN suppression_feed f ON f.xid >= nullif($1::text, '')::xid8 AND NOT f.lifted
		AND f.scope = 0
