-- Moves a campaign from one state to another, with an event. $1 campaign, $2 state it must be in,
-- $3 state after, $4 reason, $5 the reason's sentence, $6 actor, $7 verb, $8 because; of a schedule
-- $9 time, $10 zone, $11 grace (s) or NULL. No row: it is in another state by now. When it runs
-- (again), its brake judges anew: what this minute has counted so far is noted as judged.
WITH counted AS (
	SELECT provider, class, cause, sum(n)::bigint AS n FROM (
		SELECT provider, class, cause, n FROM attempts
		 WHERE campaign_id = $1 AND minute >= date_trunc('minute', now())
		   AND source_id <> 0
		UNION ALL
		SELECT provider, class, cause, n FROM attempts_delta
		 WHERE campaign_id = $1 AND minute >= date_trunc('minute', now())
		   AND source_id <> 0) x
	 GROUP BY 1, 2, 3
), this_minute AS (
	SELECT jsonb_build_object('judged', coalesce(jsonb_agg(to_jsonb(counted)), '[]')) AS judged
	  FROM counted
), c AS (
	UPDATE campaign SET
		state = $3, reason = $4, reason_text = $5, state_by = $6,
		state_since = CASE WHEN state = $3 THEN state_since ELSE now() END,
		version = version + 1,
		scheduled_at = CASE $3 WHEN 1 THEN NULL WHEN 2 THEN $9 ELSE scheduled_at END,
		tz = CASE WHEN $3 = 2 THEN $10 ELSE tz END,
		grace_s = CASE $3 WHEN 1 THEN NULL WHEN 2 THEN $11 ELSE grace_s END,
		started_at = CASE WHEN $3 = 3 THEN coalesce(started_at, now()) ELSE started_at END,
		finished_at = CASE WHEN $3 IN (5, 6) THEN now() END,
		settings = CASE WHEN $3 <> 3 OR state = 3 THEN settings
		                ELSE settings - 'braked' || (SELECT judged FROM this_minute) END
	 WHERE campaign_id = $1 AND state = $2
	RETURNING name
), e AS (
	INSERT INTO event(actor, verb, object, because, detail)
	SELECT $6, 'campaign ' || $7, 'campaign:' || name, $8,
	       jsonb_build_object('from', $2::int, 'to', $3::int)
	  FROM c
)
SELECT pg_notify('edm', 'campaign')::text FROM c
