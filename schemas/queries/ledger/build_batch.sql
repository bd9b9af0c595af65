-- Builds one batch: the subscribed members of the campaign's lists in a range of (group, domain,
-- rid), each once (from the list that stands first), without those of excluded lists. Who is
-- suppressed is settled here and counts in the audience. Only inserts; a batch that is there
-- already is refused by its key (23505). What most campaigns lack (excluded lists, the audience of
-- another) is asked for once, before anybody is looked up for it.
-- $1 campaign, $2 batch, $3 group, $4 and $5 domains from, to, $6 and $7 rid from, to.
-- Returns people, chunks, suppressed.
WITH member AS MATERIALIZED (
	SELECT DISTINCT ON (m.domain_id, m.rid) m.domain_id, m.rid, m.attributes
	  FROM audience a JOIN audience_domain d USING (campaign_id)
	  JOIN campaign_list l USING (campaign_id)
	  JOIN list_member m ON m.list_id = l.list_id AND m.domain_id = d.domain_id
	   AND m.domain_id BETWEEN $4::int AND $5::int AND m.rid BETWEEN $6::bigint AND $7::bigint
	 WHERE a.campaign_id = $1::int AND d.group_name = $3::text
	   AND d.domain_id BETWEEN $4::int AND $5::int
	   AND (d.n <= a.batch_size OR $4::int = $5::int)
	   AND NOT l.excluded AND m.status = 1
	 ORDER BY m.domain_id, m.rid, l.position, l.list_id
), who AS MATERIALIZED (
	SELECT m.domain_id, m.rid, m.attributes::text AS attributes, r.address,
	       EXISTS (SELECT 1 FROM suppression s
	                WHERE s.rid = m.rid AND s.rid BETWEEN $6::bigint AND $7::bigint
	                  AND (s.until IS NULL OR s.until > now())
	                  AND (s.scope = 0 OR s.scope IN (
	                      SELECT l.list_id FROM campaign_list l
	                       WHERE l.campaign_id = $1::int AND NOT l.excluded))) AS suppressed
	  FROM member m
	  JOIN recipient r ON r.rid = m.rid AND r.rid BETWEEN $6::bigint AND $7::bigint
	 WHERE (NOT EXISTS (SELECT 1 FROM campaign_list x
	                     WHERE x.campaign_id = $1::int AND x.excluded)
	        OR NOT EXISTS (SELECT 1 FROM campaign_list x JOIN list_member e USING (list_id)
	                        WHERE x.campaign_id = $1::int AND x.excluded
	                          AND e.domain_id = m.domain_id AND e.rid = m.rid))
	   AND ((SELECT p.audience_of FROM campaign p WHERE p.campaign_id = $1::int) IS NULL
	        OR EXISTS (SELECT 1 FROM audience_filter f
	                    WHERE f.campaign_id = $1::int AND f.rid = m.rid))
), placed AS (
	SELECT domain_id, rid, attributes, address,
	       (row_number() OVER (ORDER BY domain_id, rid) - 1)
	         * ((count(*) OVER () + 999) / 1000) / count(*) OVER () AS part
	  FROM who WHERE NOT suppressed
), packed AS MATERIALIZED (
	SELECT ($2::int * 4096 + part)::int AS chunk_no, count(*)::int AS n, array_agg(rid) AS rids,
	       array_agg(domain_id) AS domains, array_agg(address) AS addresses,
	       array_agg(attributes) AS attributes
	  FROM (SELECT * FROM placed ORDER BY part, domain_id, rid) x
	 GROUP BY part
), d AS (
	INSERT INTO chunk_data(campaign_id, chunk_no, rids, domains, addresses, attributes)
	SELECT $1::int, chunk_no, rids, domains, addresses, attributes FROM packed
), c AS (
	INSERT INTO chunk(campaign_id, chunk_no, n, first_domain, last_domain, first_rid, last_rid,
	                  group_name, done_map, open_map)
	SELECT $1::int, chunk_no, n, domains[1], domains[n], rids[1], rids[n], $3::text,
	       repeat('0', n)::varbit, repeat('0', n)::varbit
	  FROM packed
), o AS (
	INSERT INTO outcome(at, rid, campaign_id, chunk_no, domain_id, source_id, content_version,
	                    enhanced, took_ms, template, position, attempt, state, class, cause,
	                    scope, words, stage, code, tls, provider, mx, rule, vars)
	SELECT now(), rid, $1::int, $2::int * 4096, domain_id, 0, 0, 0, 0, 0, -1, 0, 9, 10, 32, 1,
	       5, 0, 0, 0, '', '', '', ''
	  FROM who WHERE suppressed
), total AS MATERIALIZED (
	SELECT count(*)::int AS people, (count(*) FILTER (WHERE suppressed))::int AS suppressed
	  FROM who
), t AS (
	INSERT INTO attempts_delta(campaign_id, minute, source_id, class, cause, n, provider)
	SELECT $1::int, date_trunc('minute', now()), 0, 10, 32, suppressed, ''
	  FROM total WHERE suppressed > 0
), m AS (
	INSERT INTO moves_delta(campaign_id, state, n)
	SELECT $1::int, x.state, x.n
	  FROM total, LATERAL (VALUES (1, people - suppressed), (9, suppressed)) x(state, n)
	 WHERE x.n > 0
), b AS (
	INSERT INTO build_batch(campaign_id, batch_no, chunks, n, suppressed)
	SELECT $1::int, $2::int, (SELECT count(*) FROM packed), people, suppressed FROM total
)
SELECT people, (SELECT count(*) FROM packed)::int AS chunks, suppressed FROM total;
