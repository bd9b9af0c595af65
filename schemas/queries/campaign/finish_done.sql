-- Finishes the running campaigns whose audience is built and whose every recipient is final. A
-- resend in between grows the version and is then not overlooked. Returns id and name.
WITH done AS (
	SELECT p.campaign_id, p.version
	  FROM campaign p JOIN audience a USING (campaign_id)
	 WHERE p.state = 3 AND a.complete
	   AND (SELECT coalesce(sum(n), 0)
	          FROM (SELECT state, n FROM moves m WHERE m.campaign_id = p.campaign_id
	                UNION ALL
	                SELECT state, n FROM moves_delta d WHERE d.campaign_id = p.campaign_id) x
	         WHERE x.state IN (1, 2, 3)) = 0
), c AS (
	UPDATE campaign p SET state = 5, reason = 0, reason_text = '', state_since = now(),
	       state_by = 'engine', version = p.version + 1, finished_at = now()
	  FROM done
	 WHERE p.campaign_id = done.campaign_id AND p.version = done.version AND p.state = 3
	RETURNING p.campaign_id, p.name, p.hidden
), e AS (
	INSERT INTO event(actor, verb, object)
	SELECT 'engine', 'campaign finish', 'campaign:' || name FROM c WHERE NOT hidden
)
SELECT campaign_id, name, pg_notify('edm', 'campaign')::text FROM c
