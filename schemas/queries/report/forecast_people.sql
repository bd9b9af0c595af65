-- Who is left of the frozen campaigns $1, by group, tries made and when they are due (ms from now;
-- those in chunks: now), people in hundredths, and whether they are put off (in no chunk). People
-- of an audience still being built count as far as they are expected. Where more than 100,000 of a
-- campaign are put off, some 250,000 of all such are read. Only the domains with a route or a
-- provider are joined (all others, the big ones too, are the tail), and words are made of the sums.
WITH fresh AS (
	SELECT campaign_id, group_name, (chunk_no < 0)::int AS attempts,
	       sum(n - bit_count(done_map))::bigint AS n
	  FROM chunk WHERE campaign_id = ANY ($1::int[]) AND state < 2
	 GROUP BY 1, 2, 3
), size AS (
	SELECT campaign_id, sum(n) AS n
	  FROM (SELECT campaign_id, state, n FROM moves
	        UNION ALL SELECT campaign_id, state, n FROM moves_delta) m
	 WHERE campaign_id = ANY ($1::int[]) AND state = 3
	 GROUP BY 1 HAVING sum(n) > 100000
), many AS MATERIALIZED (
	SELECT coalesce(array_agg(campaign_id ORDER BY array_position($1::int[], campaign_id)),
	                '{}') AS ids,
	       least(1, 250000.0 / greatest(sum(n), 1))::float8 AS part
	  FROM size
), other AS MATERIALIZED (
	SELECT coalesce((SELECT host || ':' || port FROM route WHERE domain = '*'), 'tail') AS name
), named AS MATERIALIZED (
	SELECT d.domain_id, coalesce(w.host || ':' || w.port, nullif(o.name, 'tail'), d.provider)
	       AS name, w.domain IS NULL AND o.name <> 'tail' AS is_other
	  FROM other o, recipient_domain d LEFT JOIN route w ON w.domain = d.name
	 WHERE d.provider IS NOT NULL OR w.domain IS NOT NULL
), numbered AS MATERIALIZED (
	SELECT domain_id, name, dense_rank() OVER (ORDER BY name)::int AS no
	  FROM named WHERE NOT is_other
), waiting AS (
	SELECT campaign_id, domain_id, attempt, due_at, 1::float8 AS part FROM retry
	 WHERE (SELECT ids <> $1::int[] FROM many)
	   AND campaign_id = ANY ($1::int[]) AND campaign_id <> ALL ((SELECT ids FROM many)::int[])
	UNION ALL
	SELECT campaign_id, domain_id, attempt, due_at, (SELECT part FROM many)
	  FROM retry TABLESAMPLE SYSTEM (100 * (SELECT part FROM many))
	 WHERE (SELECT ids <> '{}' FROM many)
	   AND campaign_id = ANY ((SELECT ids FROM many)::int[])
), sums AS (
	SELECT r.campaign_id, coalesce(d.no, 0) AS no, r.attempt, r.part,
	       greatest(0, ceil(extract(epoch FROM r.due_at - now()) / 60))::int AS minutes,
	       count(*) AS n
	  FROM waiting r LEFT JOIN numbered d ON d.domain_id = r.domain_id
	 GROUP BY 1, 2, 3, 4, 5
), put_off AS (
	SELECT s.campaign_id, coalesce(d.name, o.name) AS group_name, s.attempt,
	       s.minutes::bigint * 60000 AS due_ms, round(100 * s.n / s.part)::bigint AS n
	  FROM other o, sums s
	  LEFT JOIN (SELECT DISTINCT no, name FROM numbered) d USING (no)
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
SELECT campaign_id, group_name, attempts, 0::bigint AS due_ms, 100 * n, false AS is_put_off
  FROM fresh WHERE n > 0
UNION ALL
SELECT campaign_id, group_name, attempt::int, due_ms, n, true FROM put_off
UNION ALL
SELECT campaign_id, group_name, 0, 0, 100 * n, false FROM unbuilt WHERE n > 0;
