-- A finished campaign that has people to send to again is running again: a journal that came when
-- they were unknown already told that nothing was sent to them (ledger/doubt, kept 30 days).
-- Returns id and name.
WITH c AS (
	UPDATE campaign p SET state = 3, state_since = now(), state_by = 'engine',
	       version = p.version + 1, finished_at = NULL, settings = settings - 'judged'
	 WHERE p.state = 5 AND p.finished_at > now() - interval '31 days'
	   AND (EXISTS (SELECT 1 FROM retry r WHERE r.campaign_id = p.campaign_id)
	        OR EXISTS (SELECT 1 FROM chunk k
	                    WHERE k.campaign_id = p.campaign_id AND k.state = 0))
	RETURNING p.campaign_id, p.name, p.hidden
), e AS (
	INSERT INTO event(actor, verb, object)
	SELECT 'engine', 'campaign reopen', 'campaign:' || name FROM c WHERE NOT hidden
)
SELECT campaign_id, name, pg_notify('edm', 'campaign')::text FROM c
