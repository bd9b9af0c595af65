-- People of campaign $1 who wait for another try because of the lane or host their mail goes by,
-- not of themselves (class 0: never tried, throttled, blocked, unreached), by the queue of that: as
-- report/home has it.
SELECT coalesce(jsonb_agg(jsonb_build_object('queue', queue, 'people', n)), '[]')
  FROM (
	SELECT coalesce(r.host || ':' || r.port, d.provider, d.last_mx, '') AS queue, sum(t.n) AS n
	  FROM (SELECT domain_id, count(*) AS n FROM retry
	         WHERE campaign_id = $1::int AND class IN (0, 3, 4, 9) GROUP BY 1) t
	  JOIN recipient_domain d USING (domain_id)
	  LEFT JOIN LATERAL (SELECT host, port FROM route WHERE domain IN (d.name, '*')
	                      ORDER BY domain = '*' LIMIT 1) r ON true
	 GROUP BY 1) q
 WHERE queue <> '';
