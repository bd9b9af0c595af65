-- Who is left of the frozen campaigns $1, by group, tries made and when they are due (ms from now;
-- those in chunks: now). People of an audience still being built count as far as they are expected.
WITH fresh AS (
	SELECT campaign_id, group_name, (chunk_no < 0)::int AS attempts,
	       sum(n - bit_count(done_map))::bigint AS n
	  FROM chunk WHERE campaign_id = ANY ($1::int[]) AND state < 2
	 GROUP BY 1, 2, 3
), put_off AS (
	SELECT r.campaign_id,
	       coalesce(exact.host || ':' || exact.port, star.host || ':' || star.port, d.provider,
	                CASE WHEN a.group_name = d.name THEN d.name END, 'tail') AS group_name,
	       r.attempt::int AS attempts,
	       greatest(0, extract(epoch FROM date_bin('1 minute', r.due_at, now()) - now())
	                   * 1000)::bigint AS due_ms,
	       count(*) AS n
	  FROM retry r JOIN recipient_domain d USING (domain_id)
	  LEFT JOIN audience_domain a USING (campaign_id, domain_id)
	  LEFT JOIN route exact ON exact.domain = d.name
	  LEFT JOIN route star ON star.domain = '*'
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
SELECT campaign_id, group_name, attempts, due_ms, n FROM put_off
UNION ALL
SELECT campaign_id, group_name, 0, 0, n FROM unbuilt WHERE n > 0;
