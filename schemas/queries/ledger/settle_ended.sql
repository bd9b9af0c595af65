-- Campaigns that ended before their people: cancelled, or past their deadline. Ready chunks are
-- settled whole (no row a recipient); who was in retry gets an outcome. What is leased is given
-- back by its node and settled in a later run. Who may have the message already (flag 1: they wait
-- for the try after an unknown one) is unknown: from retry the packer puts them in a chunk, and of
-- a chunk they are settled one by one. $1 chunks at most, $2 retries at most.
-- Returns chunks and retries settled.
WITH ended AS MATERIALIZED (
	SELECT campaign_id, CASE state WHEN 6 THEN 10 ELSE 8 END AS state,
	       CASE state WHEN 6 THEN 12 ELSE 11 END AS class,
	       CASE state WHEN 6 THEN 31 ELSE 30 END AS cause
	  FROM campaign WHERE state = 6 OR (state IN (3, 4) AND deadline <= now())
), ready AS MATERIALIZED (
	SELECT c.campaign_id, c.chunk_no, c.done_map, e.state AS settled_as, e.class, e.cause
	  FROM ended e JOIN chunk c USING (campaign_id)
	 WHERE c.state = 0 LIMIT $1::int
	   FOR UPDATE OF c SKIP LOCKED
), tried AS MATERIALIZED (
	SELECT ready.campaign_id, ready.chunk_no, ready.class, ready.cause, x.*,
	       x.flags & 1 <> 0 AND get_bit(ready.done_map, x.i::int - 1) = 0 AS may_have_it
	  FROM ready JOIN chunk_data d USING (campaign_id, chunk_no),
	       unnest(d.rids, d.domains, d.attempts, d.ages_s, d.versions, d.flags)
	         WITH ORDINALITY x(rid, domain_id, attempt, age_s, content_version, flags, i)
	 WHERE d.flags IS NOT NULL
), unsure AS MATERIALIZED (
	SELECT campaign_id, chunk_no,
	       string_agg(may_have_it::int::text, '' ORDER BY i)::varbit AS map
	  FROM tried GROUP BY 1, 2 HAVING bool_or(may_have_it)
), settled AS (
	UPDATE chunk c SET state = 3, settled_as = ready.settled_as, epoch = c.epoch + 1,
	       done_map = c.done_map | coalesce(unsure.map, c.done_map)
	  FROM ready LEFT JOIN unsure USING (campaign_id, chunk_no)
	 WHERE (c.campaign_id, c.chunk_no) = (ready.campaign_id, ready.chunk_no)
	RETURNING c.campaign_id, c.settled_as, c.n - bit_count(c.done_map) AS people
), late AS MATERIALIZED (
	SELECT r.campaign_id, r.rid, e.state AS settled_as, e.class AS settled_class,
	       e.cause AS settled_cause
	  FROM ended e JOIN retry r USING (campaign_id)
	 WHERE r.flags & 1 = 0
	 LIMIT $2::int
	   FOR UPDATE OF r SKIP LOCKED
), packable AS (
	UPDATE retry r SET due_at = now() - interval '1 day'
	  FROM ended e
	 WHERE r.campaign_id = e.campaign_id AND r.flags & 1 <> 0
	   AND r.due_at > now() - interval '1 hour'
), gone AS (
	DELETE FROM retry r USING late
	 WHERE r.campaign_id = late.campaign_id AND r.rid = late.rid
	RETURNING r.campaign_id, r.rid, r.domain_id, r.attempt, r.content_version, late.settled_as,
	          late.settled_class, late.settled_cause
), o AS (
	INSERT INTO outcome(at, rid, campaign_id, chunk_no, domain_id, source_id, content_version,
	                    enhanced, took_ms, template, position, attempt, state, class, cause,
	                    scope, words, stage, code, tls, provider, mx, rule, vars)
	SELECT now(), rid, campaign_id, 0, domain_id, 0, content_version, 0, 0, 0, -1, attempt,
	       settled_as, settled_class, settled_cause, 6, 5, 0, 0, 0, '', '', '', ''
	  FROM gone
	UNION ALL
	SELECT now(), rid, campaign_id, chunk_no, domain_id, 0, content_version, 0, 0, 0, i - 1,
	       attempt, 11, class, cause, 6, 5, 0, 0, 0, '', '', '', ''
	  FROM tried WHERE may_have_it
), u AS (
	INSERT INTO unknown(campaign_id, rid, chunk_no, position, domain_id, attempt, age_s,
	                    content_version)
	SELECT campaign_id, rid, chunk_no, i - 1, domain_id, attempt, age_s, content_version
	  FROM tried WHERE may_have_it
), a AS (
	INSERT INTO attempts_delta(campaign_id, minute, source_id, class, cause, n, provider)
	SELECT campaign_id, date_trunc('minute', now()), 0, settled_class, settled_cause,
	       count(*), ''
	  FROM (SELECT campaign_id, settled_class, settled_cause FROM gone
	        UNION ALL
	        SELECT campaign_id, class, cause FROM tried WHERE may_have_it) x
	 GROUP BY 1, 4, 5
), m AS (
	INSERT INTO moves_delta(campaign_id, state, n)
	SELECT campaign_id, settled_as, sum(people) FROM settled GROUP BY 1, 2
	UNION ALL SELECT campaign_id, 1, -sum(people) FROM settled GROUP BY 1
	UNION ALL SELECT campaign_id, move.state, move.sign * count(*)
	            FROM tried, (VALUES (1, -1), (11, 1)) move(state, sign)
	           WHERE may_have_it GROUP BY campaign_id, move.state, move.sign
	UNION ALL SELECT campaign_id, settled_as, count(*) FROM gone GROUP BY 1, 2
	UNION ALL SELECT campaign_id, 3, -count(*) FROM gone GROUP BY 1
)
SELECT (SELECT count(*) FROM settled) AS chunks, (SELECT count(*) FROM gone) AS retries;
