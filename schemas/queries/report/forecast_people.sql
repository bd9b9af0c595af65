-- Who is left of the frozen campaigns $1, by group, tries made and when they are due (ms from now;
-- those in chunks: now). People of an audience still being built count as far as they are expected.
-- Of a million put off only the domains with a route or a provider are joined (all others, the big
-- ones too, are the tail), and words are made of the sums.
WITH fresh AS (
	SELECT campaign_id, group_name, (chunk_no < 0)::int AS attempts,
	       sum(n - bit_count(done_map))::bigint AS n
	  FROM chunk WHERE campaign_id = ANY ($1::int[]) AND state < 2
	 GROUP BY 1, 2, 3
), routed AS (
	SELECT d.domain_id, w.host || ':' || w.port AS target
	  FROM route w JOIN recipient_domain d ON d.name = w.domain
), put_off AS (
	SELECT r.campaign_id,
	       coalesce(w.target, (SELECT host || ':' || port FROM route WHERE domain = '*'),
	                d.provider, 'tail') AS group_name,
	       r.attempt, date_bin('1 minute', greatest(r.due_at, now()), now()) AS due_at,
	       count(*) AS n
	  FROM retry r
	  LEFT JOIN recipient_domain d ON d.domain_id = r.domain_id AND d.provider IS NOT NULL
	  LEFT JOIN routed w ON w.domain_id = r.domain_id
	 WHERE r.campaign_id = ANY ($1::int[])
	 GROUP BY 1, 2, 3, 4
), unbuilt AS (
	SELECT e.campaign_id, e.group_name, e.n - coalesce(b.n, 0) AS n
	  FROM (SELECT d.campaign_id, d.group_name, sum(d.n)::bigint AS n
	          FROM audience a JOIN audience_domain d USING (campaign_id)
	         WHERE a.campaign_id = ANY ($1::int[]) AND NOT a.complete
	         GROUP BY 1, 2) e
	  LEFT JOIN (SELECT campaign_id, group_name, sum(n)::bigint AS n
	               FROM chunk WHERE campaign_id = ANY ($1::int[]) AND chunk_no >= 0
	              GROUP BY 1, 2) b USING (campaign_id, group_name)
)
SELECT campaign_id, group_name, attempts, 0::bigint AS due_ms, n FROM fresh WHERE n > 0
UNION ALL
SELECT campaign_id, group_name, attempt::int, (extract(epoch FROM due_at - now()) * 1000)::bigint, n
  FROM put_off
UNION ALL
SELECT campaign_id, group_name, 0, 0, n FROM unbuilt WHERE n > 0;
