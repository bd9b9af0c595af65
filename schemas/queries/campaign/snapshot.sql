-- Everything needed to make the messages of one content version. $1 campaign, $2 version.
-- One row, or none when there is no such version.
SELECT c.name, c.priority::int, coalesce(c.pool, ''), c.unsigned, c.unknown_policy::int,
	c.give_up_after_s, c.deadline, t.from_address, t.from_name, t.reply_to, t.subject,
	t.preheader,
	coalesce(t.html, ''), coalesce(t.text, ''),
	coalesce(d.name, split_part(t.from_address, '@', 2)) AS from_domain,
	coalesce(d.return_path, ''), coalesce(d.feedback_id, ''), coalesce(d.unsubscribe_base, ''),
	i.rid_key, coalesce(l.list_id, 0), coalesce(l.name, ''),
	ARRAY(SELECT k.selector FROM dkim_key k WHERE k.sending_domain_id = d.sending_domain_id
		AND k.state = 2 ORDER BY k.algorithm, k.selector),
	ARRAY(SELECT k.sealed_key FROM dkim_key k WHERE k.sending_domain_id = d.sending_domain_id
		AND k.state = 2 ORDER BY k.algorithm, k.selector),
	ARRAY(SELECT a.name FROM attachment a
	       WHERE a.campaign_id = $1 AND a.version = $2 ORDER BY a.position),
	ARRAY(SELECT a.media_type FROM attachment a
	       WHERE a.campaign_id = $1 AND a.version = $2 ORDER BY a.position),
	ARRAY(SELECT a.content_id FROM attachment a
	       WHERE a.campaign_id = $1 AND a.version = $2 ORDER BY a.position),
	ARRAY(SELECT a.data FROM attachment a
	       WHERE a.campaign_id = $1 AND a.version = $2 ORDER BY a.position),
	coalesce(d.sending_domain_id, 0)
FROM campaign c
	JOIN content t ON t.campaign_id = c.campaign_id AND t.version = $2
	CROSS JOIN installation i
	LEFT JOIN sending_domain d
		ON d.name = lower(split_part(t.from_address, '@', 2)) AND d.removed_at IS NULL
	LEFT JOIN LATERAL (
		SELECT l.list_id, l.name FROM campaign_list cl JOIN list l USING (list_id)
		 WHERE cl.campaign_id = c.campaign_id AND NOT cl.excluded
		 ORDER BY cl.position LIMIT 1) l ON true
WHERE c.campaign_id = $1
