-- Finishes the running campaigns whose audience is built and whose every recipient is final. A
-- resend in between grows the version and is then not overlooked. The deltas have no index: one
-- reading serves all campaigns. Returns id and name.
WITH built AS MATERIALIZED (
	SELECT p.campaign_id, p.version
	  FROM campaign p JOIN audience a USING (campaign_id)
	 WHERE p.state = 3 AND a.complete
), left_over AS MATERIALIZED (
	SELECT campaign_id, sum(n) AS n
	  FROM (SELECT m.campaign_id, m.n FROM built JOIN moves m USING (campaign_id)
	         WHERE m.state IN (1, 2, 3)
	        UNION ALL
	        SELECT d.campaign_id, d.n FROM moves_delta d
	         WHERE d.state IN (1, 2, 3) AND EXISTS (SELECT 1 FROM built)) x
	 GROUP BY 1
), done AS (
	SELECT campaign_id, built.version
	  FROM built LEFT JOIN left_over USING (campaign_id)
	 WHERE coalesce(left_over.n, 0) = 0
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
