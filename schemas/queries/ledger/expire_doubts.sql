-- Doubts whose time is up become unknown: held, or under policy retry sent once more (flag 1; who
-- has had that, or whose campaign was cancelled, is held). $1 ms until that retry, $2 doubts at
-- most. Returns how many people it settled.
WITH due AS MATERIALIZED (
	SELECT d.*, p.unknown_policy = 2 AND p.state <> 6 AS again
	  FROM doubt d JOIN campaign p USING (campaign_id)
	 WHERE d.open AND d.until <= now()
	 ORDER BY d.until LIMIT $2::int
	   FOR UPDATE OF d SKIP LOCKED
), who AS MATERIALIZED (
	SELECT due.campaign_id, due.chunk_no, due.content_version, (x.i - 1)::smallint AS position,
	       x.rid, x.domain_id, x.address, x.attributes, coalesce(x.attempt, 0) + 1 AS attempt,
	       coalesce(x.age_s, 0) AS age_s, coalesce(x.flags, 0::smallint) AS flags,
	       due.again AND coalesce(x.flags, 0) & 1 = 0 AS again
	  FROM due JOIN chunk_data c USING (campaign_id, chunk_no),
	       unnest(c.rids, c.domains, c.addresses, c.attributes, c.attempts, c.ages_s, c.flags)
	         WITH ORDINALITY x(rid, domain_id, address, attributes, attempt, age_s, flags, i)
	 WHERE get_bit(due.map, (x.i - 1)::int) = 1
), d AS (
	UPDATE doubt d SET map = d.map # d.map, unknown_map = d.unknown_map | d.map, open = false
	  FROM due
	 WHERE (d.campaign_id, d.chunk_no, d.epoch) = (due.campaign_id, due.chunk_no, due.epoch)
), o AS (
	INSERT INTO outcome(at, rid, campaign_id, chunk_no, domain_id, source_id, content_version,
	                    enhanced, took_ms, template, position, attempt, state, class, cause,
	                    scope, words, stage, code, tls, provider, mx, rule, vars)
	SELECT now(), rid, campaign_id, chunk_no, domain_id, 0, content_version, 0, 0, 0, position,
	       attempt, CASE WHEN again THEN 3 ELSE 11 END, 8, 33, 7, 5, 11, 0, 0, '', '', '', ''
	  FROM who
), a AS (
	INSERT INTO attempts_delta(campaign_id, minute, source_id, class, cause, n, provider)
	SELECT campaign_id, date_trunc('minute', now()), 0, 8, 33, count(*), '' FROM who GROUP BY 1
), u AS (
	INSERT INTO unknown(campaign_id, rid, chunk_no, position, domain_id, attempt, age_s,
	                    content_version)
	SELECT campaign_id, rid, chunk_no, position, domain_id, attempt, age_s, content_version
	  FROM who WHERE NOT again
), r AS (
	INSERT INTO retry(campaign_id, rid, domain_id, due_at, attempt, class, cause, flags, age_s,
	                  content_version, address, attributes)
	SELECT campaign_id, rid, domain_id, now() + $1::bigint * interval '1 ms', attempt, 8, 33,
	       flags | 1, age_s, content_version, address, attributes
	  FROM who WHERE again
), m AS (
	INSERT INTO moves_delta(campaign_id, state, n)
	SELECT campaign_id, CASE WHEN again THEN 3 ELSE 11 END, count(*) FROM who GROUP BY 1, 2
	UNION ALL
	SELECT campaign_id, 2, -count(*) FROM who GROUP BY 1
)
SELECT count(*) FROM who;
