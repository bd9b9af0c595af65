-- Starts the campaigns whose time has come; what is later than its grace is paused as late instead.
-- Returns id, name and whether it is late.
WITH due AS (
	SELECT campaign_id,
	       grace_s IS NOT NULL AND now() > scheduled_at + grace_s * interval '1 s' AS late
	  FROM campaign WHERE state = 2 AND scheduled_at <= now()
	   FOR UPDATE SKIP LOCKED
), c AS (
	UPDATE campaign p SET
		state = CASE WHEN due.late THEN 4 ELSE 3 END,
		reason = CASE WHEN due.late THEN 3 ELSE 0 END,
		reason_text = CASE WHEN due.late
			THEN 'its scheduled start was missed by more than its grace' ELSE '' END,
		state_since = now(), state_by = 'schedule', version = version + 1,
		started_at = CASE WHEN due.late THEN started_at ELSE now() END
	  FROM due WHERE p.campaign_id = due.campaign_id AND p.state = 2
	RETURNING p.campaign_id, p.name, due.late
), e AS (
	INSERT INTO event(actor, verb, object, detail)
	SELECT 'schedule', CASE WHEN late THEN 'campaign pause' ELSE 'campaign start' END,
	       'campaign:' || name, jsonb_build_object('late', late) FROM c
)
SELECT campaign_id, name, late, pg_notify('edm', 'campaign')::text FROM c
