-- One campaign in numbers, from the counters and as of one snapshot: a JSON document, or no row if
-- there is none called $1. Numbers of enums stay numbers; times are microseconds.
WITH c AS (
	SELECT * FROM campaign WHERE name = $1::text AND removed_at IS NULL
), moved AS (
	SELECT x.state, sum(x.n)::bigint AS n
	  FROM c JOIN (SELECT campaign_id, state, n FROM moves
	               UNION ALL
	               SELECT campaign_id, state, n FROM moves_delta) x USING (campaign_id)
	 GROUP BY 1
), tried AS MATERIALIZED (
	SELECT x.provider, x.source_id, x.class, x.cause, sum(x.n)::bigint AS n
	  FROM c JOIN (
		SELECT campaign_id, provider, source_id, class, cause, n FROM attempts
		UNION ALL
		SELECT campaign_id, provider, source_id, class, cause, n FROM attempts_delta) x
	 USING (campaign_id)
	 GROUP BY 1, 2, 3, 4 HAVING sum(x.n) <> 0
), waits AS (
	SELECT w.class, w.cause, count(*) AS n, min(w.due_at) AS due_at
	  FROM c JOIN retry w USING (campaign_id) GROUP BY 1, 2
), doubts AS (
	SELECT sum(bit_count(d.map))::bigint AS n, max(d.until) AS until
	  FROM c JOIN doubt d USING (campaign_id) WHERE d.open
)
SELECT jsonb_build_object(
	'name', c.name, 'campaign_state', c.state, 'pause_reason', c.reason,
	'reason_text', c.reason_text, 'braked', c.settings -> 'braked',
	'state_by', c.state_by, 'state_since', time_us(c.state_since),
	'unknown_policy', CASE c.unknown_policy WHEN 1 THEN 'hold' ELSE 'retry' END,
	'scheduled_at', time_us(c.scheduled_at), 'started_at', time_us(c.started_at),
	'finished_at', time_us(c.finished_at), 'now_at', time_us(now()),
	'complete', coalesce(a.complete, false), 'is_frozen', a.campaign_id IS NOT NULL,
	'by_state', (SELECT jsonb_object_agg(state, n) FROM moved),
	'rate', campaign_rate(c.campaign_id),
	'in_doubt', coalesce(doubts.n, 0), 'in_doubt_until', time_us(doubts.until),
	'providers', (SELECT jsonb_agg(to_jsonb(p) ORDER BY p.n DESC, p.provider) FROM (
		SELECT coalesce(nullif(provider, ''), 'tail') AS provider, sum(n)::bigint AS n,
		       jsonb_object_agg(class, n) AS by_class
		  FROM (SELECT provider, class, sum(n)::bigint AS n FROM tried GROUP BY 1, 2) x
		 GROUP BY provider) p),
	'sources', (SELECT jsonb_agg(to_jsonb(p) ORDER BY p.n DESC, p.source) FROM (
		SELECT coalesce(s.name, '-') AS source, sum(x.n)::bigint AS n,
		       jsonb_object_agg(x.class, x.n) AS by_class
		  FROM (SELECT source_id, class, sum(n)::bigint AS n FROM tried GROUP BY 1, 2) x
		  LEFT JOIN source s USING (source_id)
		 GROUP BY x.source_id, s.name) p),
	'deferrals', (SELECT jsonb_agg(jsonb_build_object('class', class, 'cause', cause, 'n', n,
	                                                  'next_due_at', time_us(due_at))
	                               ORDER BY n DESC, class, cause) FROM waits),
	'bounces', (SELECT jsonb_agg(to_jsonb(b) ORDER BY b.n DESC, b.class, b.cause) FROM (
		SELECT class, cause, sum(n)::bigint AS n FROM tried WHERE class IN (4, 5, 6)
		 GROUP BY 1, 2) b))
  FROM c LEFT JOIN audience a USING (campaign_id) CROSS JOIN doubts;
