-- Campaigns with everything shown of them, all (not hidden, newest first) or the one called $1, as
-- of one snapshot. counts: recipients by state, 1 to 11; expected: people the audience is being
-- built from; rate: results a second now, in hundredths; then sending hours, their own and
-- everybody's, with the offsets of their zones.
WITH c AS (
	SELECT * FROM campaign p
	 WHERE p.removed_at IS NULL
	   AND CASE WHEN $1::text IS NULL THEN NOT p.hidden ELSE p.name = $1 END
), counts AS (
	SELECT x.campaign_id, x.state, sum(x.n)::bigint AS n
	  FROM c
	  JOIN (SELECT campaign_id, state, n FROM moves
	        UNION ALL SELECT campaign_id, state, n FROM moves_delta) x USING (campaign_id)
	 GROUP BY 1, 2
), h AS MATERIALIZED (
	SELECT value, zone_offsets(substring(rtrim(value) from '[^ ]+$'), now()) AS offsets
	  FROM setting WHERE key = 'sending.hours'
)
SELECT c.campaign_id, c.name, c.state::int, c.reason::int, c.reason_text, c.state_since, c.state_by,
	c.version, c.content_version, c.priority::int, t.from_address, t.from_name, t.subject,
	coalesce(c.pool, ''), c.unsigned, c.unknown_policy::int, c.give_up_after_s, c.deadline,
	c.scheduled_at, c.tz, coalesce(c.grace_s, -1), coalesce(o.name, ''), c.created_by,
	c.created_at,
	c.started_at, c.finished_at, coalesce(a.complete, false), coalesce(a.total, 0),
	coalesce((SELECT sum(d.n) FROM audience_domain d
	           WHERE d.campaign_id = c.campaign_id), 0)::bigint AS expected,
	ARRAY(SELECT coalesce(k.n, 0) FROM generate_series(1, 11) s
	        LEFT JOIN counts k ON k.campaign_id = c.campaign_id AND k.state = s
	       ORDER BY s) AS counts,
	ARRAY(SELECT l.name FROM campaign_list cl JOIN list l USING (list_id)
	       WHERE cl.campaign_id = c.campaign_id AND NOT cl.excluded
	       ORDER BY cl.position, l.name) AS lists,
	ARRAY(SELECT l.name FROM campaign_list cl JOIN list l USING (list_id)
	       WHERE cl.campaign_id = c.campaign_id AND cl.excluded
	       ORDER BY cl.position, l.name) AS excluded,
	round(100 * campaign_rate(c.campaign_id))::bigint AS rate, now() AS now,
	coalesce(c.windows ->> 'hours', ''), coalesce(c.windows ->> 'zone', ''),
	zone_offsets(c.windows ->> 'zone', now()),
	CASE WHEN c.hidden THEN '' ELSE coalesce(h.value, '') END, h.offsets,
	t.reply_to, t.preheader,
	ARRAY(SELECT f.name FROM attachment f
	       WHERE f.campaign_id = t.campaign_id AND f.version = t.version
	       ORDER BY f.position) AS attachments,
	coalesce(c.audience_states, '{}') AS audience_states,
	CASE WHEN c.scheduled_at IS NOT NULL AND c.tz <> ''
	     THEN to_char(c.scheduled_at AT TIME ZONE c.tz, 'YYYY-MM-DD HH24:MI:SS') ELSE '' END
  FROM c JOIN content t ON t.campaign_id = c.campaign_id AND t.version = c.content_version
  LEFT JOIN campaign o ON o.campaign_id = c.audience_of
  LEFT JOIN audience a ON a.campaign_id = c.campaign_id
  LEFT JOIN h ON true
 ORDER BY c.created_at DESC, c.campaign_id DESC
