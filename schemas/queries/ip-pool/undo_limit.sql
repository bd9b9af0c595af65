-- Undoes the setting or unsetting of limit $1. $2 actor, $3 because. A limit in force ends and what
-- it replaced comes back; one that has ended comes back unless its place is taken. What comes back
-- replaces only a limit that was in force till now, so that undoing the undo makes things as they
-- were; it keeps who set it and why, unless the undo gives a reason of its own. The event is about
-- what that of its setting was about, and says what was undone. One row: the id undone (NULL: none)
-- and the id now in force (or NULL).
WITH target AS (
	SELECT * FROM limit_rule
	 WHERE limit_id = $1::int
	   FOR UPDATE
), ended AS (
	UPDATE limit_rule l SET ended_at = now(), ended_by = $2
	  FROM target t
	 WHERE l.limit_id = t.limit_id AND t.ended_at IS NULL
	RETURNING l.limit_id
), wanted AS (
	SELECT o.* FROM limit_rule o, target t
	 WHERE o.limit_id = CASE WHEN t.ended_at IS NULL THEN t.replaces ELSE t.limit_id END
	   AND (o.until IS NULL OR o.until > now())
	   AND NOT EXISTS (
		SELECT FROM limit_rule l
		 WHERE l.ended_at IS NULL AND l.limit_id <> t.limit_id
		   AND (l.provider, l.source_name, l.campaign_id, l.sending_domain, l.node_name)
		       IS NOT DISTINCT FROM
		       (o.provider, o.source_name, o.campaign_id, o.sending_domain, o.node_name)
		   AND l.spread = o.spread AND l.kind = o.kind AND l.period_ms = o.period_ms
		   AND (l.until IS NULL) = (o.until IS NULL))
), back AS (
	INSERT INTO limit_rule (provider, source_name, campaign_id, sending_domain, node_name,
	                        spread, kind, n, period_ms, until, set_by, because, replaces)
	SELECT provider, source_name, campaign_id, sending_domain, node_name, spread, kind, n,
	       period_ms, until, CASE WHEN $3 = '' THEN set_by ELSE $2 END,
	       coalesce(nullif($3, ''), because), (SELECT limit_id FROM ended)
	  FROM wanted
	RETURNING limit_id
), named AS (
	SELECT object FROM event e, target t
	 WHERE e.at >= t.set_at AND e.verb IN ('limit set', 'limit undo')
	   AND t.limit_id IN ((e.detail ->> 'restored')::int,
	                      CASE WHEN e.verb = 'limit set' THEN (e.detail ->> 'id')::int END)
	 ORDER BY e.event_id LIMIT 1
), noted AS (
	INSERT INTO event (actor, verb, object, because, detail)
	SELECT $2, 'limit undo', coalesce((SELECT object FROM named), 'limit:' || limit_id), $3,
	       jsonb_build_object('id', limit_id, 'kind', kind, 'n', n, 'period_ms', period_ms,
	                          'was_set', ended_at IS NULL,
	                          'restored', (SELECT limit_id FROM back))
	  FROM target
)
SELECT (SELECT limit_id FROM target), (SELECT limit_id FROM back),
       pg_notify('edm', 'identity')::text;
