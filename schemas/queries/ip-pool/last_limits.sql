-- The limits the last change was about: what it set and is still in force, and what it ended
-- without putting another in its place.
WITH last AS (
	SELECT max(greatest(set_at, ended_at)) AS at FROM limit_rule
)
SELECT l.limit_id
  FROM limit_rule l, last
 WHERE (l.set_at = last.at AND l.ended_at IS NULL)
    OR (l.ended_at = last.at AND NOT EXISTS (
	    SELECT FROM limit_rule n WHERE n.set_at = last.at AND n.replaces = l.limit_id))
 ORDER BY l.limit_id
