-- What nodes are doing and what stands still, as far as rows tell: a JSON document. A row of
-- node_live older than the node's incarnation, or than ten seconds, is not shown as alive, nor is
-- that of a node that stopped in order (its lease ends with its last beat).
SELECT jsonb_build_object(
	'now_at', time_us(now()),
	'nodes', (SELECT jsonb_agg(jsonb_build_object(
			'node', n.name, 'node_id', n.node_id,
			'node_state', CASE n.state WHEN 1 THEN 'active' ELSE 'draining' END,
			'host', n.host, 'alive', n.lease_until > now(),
			'stopped', n.lease_until <= now() AND n.lease_until = n.beat_at,
			'beat_at', time_us(n.beat_at), 'live_at', time_us(l.at),
			'gauges', coalesce(l.live, '{}') - '{lanes,waiting,campaigns}'::text[])
			ORDER BY n.name)
	            FROM node n LEFT JOIN node_live l
	              ON l.node_id = n.node_id AND l.incarnation = n.incarnation
	             AND l.at > now() - interval '10 s' AND n.lease_until <> n.beat_at
	           WHERE n.state <> 3),
	'lanes', (SELECT jsonb_agg(v.lane || jsonb_build_object('node', n.name)
	                           || CASE WHEN v.lane ? 'campaigns' THEN jsonb_build_object(
			'campaigns', (SELECT coalesce(jsonb_agg(c.name ORDER BY c.name), '[]')
			                FROM campaign c
			               WHERE v.lane -> 'campaigns' @> to_jsonb(c.campaign_id)))
	                              ELSE '{}' END
	                           ORDER BY v.lane ->> 'source', v.lane ->> 'queue')
	            FROM node n JOIN node_live l USING (node_id, incarnation)
	           CROSS JOIN LATERAL jsonb_array_elements(l.live -> 'lanes') v(lane)
	           WHERE l.at > now() - interval '10 s' AND n.lease_until > now()),
	'waiting', (SELECT jsonb_agg(v.wait - 'campaign_id' || jsonb_build_object(
			'node', n.name, 'campaign', c.name, 'set_by', r.set_by,
			'set_at', time_us(r.set_at), 'provider', r.provider,
			'domain', r.sending_domain,
			'limit_of', CASE WHEN r.campaign_id IS NOT NULL THEN c.name END)
			ORDER BY c.name, n.name)
	              FROM node n JOIN node_live l USING (node_id, incarnation)
	             CROSS JOIN LATERAL jsonb_array_elements(l.live -> 'waiting') v(wait)
	              JOIN campaign c ON c.campaign_id = (v.wait ->> 'campaign_id')::integer
	              LEFT JOIN limit_rule r ON r.limit_id = (v.wait ->> 'limit_id')::bigint
	             WHERE l.at > now() - interval '10 s' AND n.lease_until > now()),
	'sources', (SELECT jsonb_agg(jsonb_build_object('source', s.name, 'source_state', s.state,
	                                                'pool', s.pool, 'node', s.node_name)
	                             ORDER BY s.name)
	              FROM source s WHERE s.state <> 3),
	'pauses', (SELECT jsonb_agg(jsonb_build_object(
			'pause_id', p.pause_id, 'pause_scope', p.scope, 'provider', p.provider,
			'source', p.source_name, 'site', p.site, 'campaign', c.name,
			'origin', p.origin, 'who', p.who, 'why', p.why,
			'since', time_us(p.since), 'until', time_us(p.until))
			ORDER BY p.scope, p.pause_id)
	             FROM pause p LEFT JOIN campaign c USING (campaign_id)
	            WHERE p.lifted_at IS NULL AND (p.until IS NULL OR p.until > now())),
	'limits', (SELECT jsonb_agg(jsonb_build_object(
			'limit_id', r.limit_id, 'provider', r.provider, 'source', r.source_name,
			'kind', r.kind, 'value', r.n, 'period_ms', r.period_ms,
			'each_source', r.spread = 1, 'limit_node', r.node_name,
			'set_by', r.set_by, 'set_at', time_us(r.set_at),
			'because', r.because, 'until', time_us(r.until))
			ORDER BY r.kind, r.limit_id)
	             FROM limit_rule r
	            WHERE r.ended_at IS NULL AND (r.until IS NULL OR r.until > now())
	              AND r.campaign_id IS NULL AND r.sending_domain IS NULL),
	'sending_hours', (SELECT jsonb_build_object('hours', value, 'offsets',
	                         zone_offsets(substring(rtrim(value) from '[^ ]+$'), now()))
	                    FROM setting WHERE key = 'sending.hours'),
	'campaigns', (SELECT jsonb_agg(jsonb_build_object(
			'campaign', c.name, 'pool', p.pool, 'rate', campaign_rate(c.campaign_id),
			'started_at', time_us(c.started_at),
			'hours', c.windows ->> 'hours', 'hours_zone', c.windows ->> 'zone',
			'offsets', zone_offsets(c.windows ->> 'zone', now()),
			'is_hidden', c.hidden,
			'sources', (SELECT count(*) FROM source s
			             WHERE s.state = 1 AND s.pool = p.pool),
			'spent', (SELECT jsonb_build_object('limit_id', r.limit_id, 'value', r.n,
			                 'period_ms', r.period_ms, 'set_by', r.set_by,
			                 'set_at', time_us(r.set_at), 'limit_of', c.name)
			            FROM limit_rule r, LATERAL (
			                 SELECT coalesce(sum(n), 0) AS messages FROM (
			                     SELECT max(messages) AS n FROM limit_usage
			                      WHERE campaign_id = c.campaign_id
			                        AND bucket > now() - r.period_ms * interval '1 ms'
			                      GROUP BY bucket, node_id, incarnation, source_id,
			                               target, sending_domain_id) t) used
			           WHERE r.campaign_id = c.campaign_id AND r.ended_at IS NULL
			             AND (r.until IS NULL OR r.until > now())
			             AND r.kind = 3 AND r.n <= used.messages
			             AND (r.period_ms >= 3600000 OR r.n = 0)
			           ORDER BY r.period_ms DESC LIMIT 1)))
	                FROM campaign c, LATERAL (SELECT coalesce(c.pool, 'default') AS pool) p
	               WHERE c.state = 3 AND c.removed_at IS NULL));
