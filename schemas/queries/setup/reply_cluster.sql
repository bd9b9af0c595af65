-- Replies of one template. $1 its hash, $2 of the last so many milliseconds. The template, and of
-- each kind code, enhanced code, how many and some parts that stood in it; the most frequent first.
-- At most 100,000 are looked at.
WITH said AS (
	SELECT code, enhanced, vars FROM outcome
	 WHERE template = $1 AND at >= now() - $2::bigint * interval '1 ms' AND words = 1
	 LIMIT 100000
)
SELECT t.template, s.code::int, coalesce(s.enhanced, 0)::int, s.vars
  FROM (SELECT code, enhanced, vars, count(*) AS n FROM said GROUP BY 1, 2, 3) s
  JOIN reply_template t ON t.hash = $1
 ORDER BY n DESC, code, enhanced, vars LIMIT 24
