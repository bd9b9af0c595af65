-- What is left of campaign $1: people waiting and leased by group, from its chunks.
SELECT coalesce(jsonb_agg(to_jsonb(g) ORDER BY g.waiting + g.leased DESC, g.name), '[]')
  FROM (
	SELECT group_name AS name,
	       coalesce(sum(n - bit_count(done_map)) FILTER (WHERE state = 0), 0)::int8 AS waiting,
	       coalesce(sum(n - bit_count(done_map)) FILTER (WHERE state = 1), 0)::int8 AS leased
	  FROM chunk WHERE campaign_id = $1::int AND state < 2 GROUP BY 1) g;
