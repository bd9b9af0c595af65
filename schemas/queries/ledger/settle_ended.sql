-- Campaigns that ended before their people: cancelled, or past their deadline. Ready chunks are
-- settled whole (no row a recipient); who was in retry gets an outcome. What is leased is given
-- back by its node and settled in a later run. $1 chunks at most, $2 retries at most.
-- Returns chunks and retries settled.
WITH ended AS MATERIALIZED (
	SELECT campaign_id, CASE state WHEN 6 THEN 10 ELSE 8 END AS state,
	       CASE state WHEN 6 THEN 12 ELSE 11 END AS class,
	       CASE state WHEN 6 THEN 31 ELSE 30 END AS cause
	  FROM campaign WHERE state = 6 OR (state IN (3, 4) AND deadline <= now())
), ready AS MATERIALIZED (
	SELECT c.campaign_id, c.chunk_no, e.state AS settled_as
	  FROM ended e JOIN chunk c USING (campaign_id)
	 WHERE c.state = 0 LIMIT $1::int
	   FOR UPDATE OF c SKIP LOCKED
), settled AS (
	UPDATE chunk c SET state = 3, settled_as = ready.settled_as, epoch = c.epoch + 1
	  FROM ready
	 WHERE (c.campaign_id, c.chunk_no) = (ready.campaign_id, ready.chunk_no)
	RETURNING c.campaign_id, c.settled_as, c.n - bit_count(c.done_map) AS people
), late AS MATERIALIZED (
	SELECT r.campaign_id, r.rid, e.state AS settled_as, e.class AS settled_class,
	       e.cause AS settled_cause
	  FROM ended e JOIN retry r USING (campaign_id)
	 LIMIT $2::int
	   FOR UPDATE OF r SKIP LOCKED
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
), a AS (
	INSERT INTO attempts_delta(campaign_id, minute, source_id, class, cause, n, provider)
	SELECT campaign_id, date_trunc('minute', now()), 0, settled_class, settled_cause,
	       count(*), ''
	  FROM gone GROUP BY 1, 4, 5
), m AS (
	INSERT INTO moves_delta(campaign_id, state, n)
	SELECT campaign_id, settled_as, sum(people) FROM settled GROUP BY 1, 2
	UNION ALL SELECT campaign_id, 1, -sum(people) FROM settled GROUP BY 1
	UNION ALL SELECT campaign_id, settled_as, count(*) FROM gone GROUP BY 1, 2
	UNION ALL SELECT campaign_id, 3, -count(*) FROM gone GROUP BY 1
)
SELECT (SELECT count(*) FROM settled) AS chunks, (SELECT count(*) FROM gone) AS retries;
