-- Puts due people back into chunks: of a (campaign, group, node) when 1,000 are due or the oldest
-- is $2 ms overdue. The group is that of today: the domain's route, else its provider, else the
-- domain where it was big enough to be a group at the freeze, else the tail. A source that is
-- preferred but may not send (drained, removed, paused, its node gone or drained) is preferred no
-- longer. Of a campaign that ended only those are packed who may have the message: settle_ended
-- makes them unknown. One packer at a time; rows are in retry or in a chunk, never in both. $1
-- people at most in one run.
-- Returns chunks made and people packed.
WITH turn AS MATERIALIZED (
	SELECT pg_try_advisory_xact_lock(hashtext('edm.pack')) AS ours
), due AS MATERIALIZED (
	SELECT r.*, CASE WHEN s.source_id IS NOT NULL THEN r.node_id END AS meant_for,
	       coalesce(s.source_id, 0) AS preferred
	  FROM turn, retry r JOIN campaign p USING (campaign_id)
	  LEFT JOIN source s ON s.source_id = r.source_id AND s.state = 1
	   AND r.prefer_until > now()
	   AND NOT EXISTS (SELECT FROM pause z
	                    WHERE z.lifted_at IS NULL AND z.scope = 3 AND z.source_name = s.name
	                      AND (z.until IS NULL OR z.until > now()))
	   AND (r.node_id IS NULL OR EXISTS (
		SELECT FROM node x
		 WHERE x.node_id = r.node_id AND x.state = 1 AND x.lease_until > '-infinity'))
	 WHERE turn.ours AND r.due_at <= now()
	   AND (p.state = 3 OR r.flags & 1 <> 0 AND (p.state = 6 OR p.deadline <= now()))
	 ORDER BY r.due_at LIMIT $1::int
	   FOR UPDATE OF r SKIP LOCKED
), grouped AS MATERIALIZED (
	SELECT due.*,
	       coalesce(exact.host || ':' || exact.port, star.host || ':' || star.port, d.provider,
	                CASE WHEN a.group_name = d.name THEN a.group_name END, 'tail') AS group_name
	  FROM due JOIN recipient_domain d USING (domain_id)
	  LEFT JOIN audience_domain a USING (campaign_id, domain_id)
	  LEFT JOIN route exact ON exact.domain = d.name
	  LEFT JOIN route star ON star.domain = '*'
), counted AS (
	SELECT *, count(*) OVER g AS people, min(due_at) OVER g AS oldest,
	       row_number() OVER (PARTITION BY campaign_id, group_name, meant_for
	                          ORDER BY domain_id, rid) - 1 AS i
	  FROM grouped WINDOW g AS (PARTITION BY campaign_id, group_name, meant_for)
), ripe AS MATERIALIZED (
	SELECT *, i * ((people + 999) / 1000) / people AS part
	  FROM counted WHERE people >= 1000 OR oldest <= now() - $2::bigint * interval '1 ms'
), gone AS (
	DELETE FROM retry r USING ripe
	 WHERE r.campaign_id = ripe.campaign_id AND r.rid = ripe.rid
), packed AS (
	SELECT campaign_id, group_name, meant_for, part, count(*)::int AS n,
	       array_agg(rid ORDER BY domain_id, rid) AS rids,
	       array_agg(domain_id ORDER BY domain_id, rid) AS domains,
	       array_agg(address ORDER BY domain_id, rid) AS addresses,
	       array_agg(attributes ORDER BY domain_id, rid) AS attributes,
	       array_agg(attempt ORDER BY domain_id, rid) AS attempts,
	       array_agg(age_s ORDER BY domain_id, rid) AS ages_s,
	       array_agg(content_version ORDER BY domain_id, rid) AS versions,
	       array_agg(preferred ORDER BY domain_id, rid) AS sources,
	       array_agg(flags ORDER BY domain_id, rid) AS flags
	  FROM ripe GROUP BY 1, 2, 3, 4
), last AS MATERIALIZED (
	SELECT p.campaign_id, (SELECT max(c.chunk_no) FROM chunk c
	                        WHERE c.campaign_id = p.campaign_id AND c.chunk_no < 0) AS chunk_no
	  FROM (SELECT DISTINCT campaign_id FROM ripe) p
), numbered AS MATERIALIZED (
	SELECT packed.*, (coalesce(last.chunk_no, -2147483648) +
	                  row_number() OVER (PARTITION BY campaign_id
	                                     ORDER BY group_name, meant_for, part))::int AS chunk_no
	  FROM packed JOIN last USING (campaign_id)
), d AS (
	INSERT INTO chunk_data(campaign_id, chunk_no, rids, domains, addresses, attributes,
	                       attempts, ages_s, versions, sources, flags)
	SELECT campaign_id, chunk_no, rids, domains, addresses, attributes, attempts, ages_s,
	       versions, sources, flags
	  FROM numbered
), c AS (
	INSERT INTO chunk(campaign_id, chunk_no, n, meant_for, first_domain, last_domain, first_rid,
	                  last_rid, group_name, done_map, open_map)
	SELECT campaign_id, chunk_no, n, meant_for, domains[1], domains[n], rids[1], rids[n],
	       group_name, repeat('0', n)::varbit, repeat('0', n)::varbit
	  FROM numbered
), m AS (
	INSERT INTO moves_delta(campaign_id, state, n)
	SELECT campaign_id, move.state, sum(move.sign * n)
	  FROM numbered, (VALUES (3, -1), (1, 1)) move(state, sign)
	 GROUP BY 1, 2
)
SELECT count(*) AS chunks, coalesce(sum(n), 0)::bigint AS people FROM numbered;
