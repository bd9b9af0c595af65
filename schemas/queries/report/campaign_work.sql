-- What is left of campaign $1: people waiting and leased by group, from its chunks. The group of a
-- large domain has its name; its mail is in the queue of its provider or site, as report/home has
-- it. '' = the group is called as its queue is, or nobody knows yet.
SELECT coalesce(jsonb_agg(to_jsonb(g) || jsonb_build_object('queue', coalesce(
	(SELECT coalesce(r.host || ':' || r.port, d.provider, d.last_mx)
	   FROM recipient_domain d
	   LEFT JOIN LATERAL (SELECT host, port FROM route WHERE domain IN (d.name, '*')
	                       ORDER BY domain = '*' LIMIT 1) r ON true
	  WHERE d.name = g.name), '')) ORDER BY g.waiting + g.leased DESC, g.name), '[]')
  FROM (
	SELECT group_name AS name,
	       coalesce(sum(n - bit_count(done_map)) FILTER (WHERE state = 0), 0)::int8 AS waiting,
	       coalesce(sum(n - bit_count(done_map)) FILTER (WHERE state = 1), 0)::int8 AS leased
	  FROM chunk WHERE campaign_id = $1::int AND state < 2 GROUP BY 1) g;
