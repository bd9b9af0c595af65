-- Campaigns in which rid $1 may have a place, the latest first, at most ten; or with $2 only the
-- one of that name. A campaign that is not over is one if it goes to the recipient's domain. What a
-- cancelled one was cancelled for stands in its event.
SELECT c.campaign_id, c.name, c.state::int, c.reason::int, c.reason_text, c.state_by, c.state_since,
       c.scheduled_at, now(), coalesce(c.settings ->> 'braked', ''), c.deadline,
       CASE WHEN c.state = 6 THEN coalesce((
		SELECT e.because FROM event e
		 WHERE e.object = 'campaign:' || c.name AND e.verb = 'campaign cancel'
		 ORDER BY e.at DESC, e.event_id DESC LIMIT 1), '') ELSE '' END
  FROM campaign c
 WHERE c.removed_at IS NULL
   AND CASE WHEN $2::text IS NOT NULL THEN c.name = $2::text
            ELSE c.campaign_id IN (
		SELECT o.campaign_id FROM outcome o WHERE o.rid = $1::bigint
		UNION
		SELECT u.campaign_id FROM unknown u WHERE u.rid = $1::bigint
		UNION
		SELECT a.campaign_id FROM recipient p JOIN audience_domain a USING (domain_id)
		 WHERE p.rid = $1::bigint) END
 ORDER BY c.started_at DESC NULLS LAST, c.campaign_id DESC LIMIT 10;
