-- Connections that profiles allow until they change, each time that they did in the last 26 h or
-- will by themselves, oldest first: what operators said of them then (is_said), or else what the
-- embedded profile says; was_there: something was said of the provider at all. ago_ms: since the
-- change, negative where it is to come.
WITH held AS (
	SELECT name, patch_id, begun_at, until AS gone_at, overrides -> 'limits' AS limits
	  FROM provider
	UNION ALL
	SELECT name, patch_id, begun_at, ended_at, overrides -> 'limits'
	  FROM provider_ended
	 WHERE ended_at > now() - interval '26 hours'
), moment AS (
	SELECT name, gone_at AS at FROM held WHERE gone_at IS NOT NULL
	UNION
	SELECT name, begun_at FROM held
), past AS (
	SELECT m.name, m.at, said.connections, said.name IS NOT NULL AS is_said, EXISTS (
	       SELECT FROM held h
	        WHERE h.name = m.name AND h.begun_at < m.at
	          AND (h.gone_at IS NULL OR h.gone_at >= m.at)) AS was_there
	  FROM moment m LEFT JOIN LATERAL (
	       SELECT h.name, (limits ->> 'connections')::int AS connections
	         FROM held h
	        WHERE h.name = m.name AND h.begun_at < m.at AND limits ? 'connections'
	          AND (h.gone_at IS NULL OR h.gone_at >= m.at)
	        ORDER BY h.patch_id DESC LIMIT 1) said ON true
	 WHERE m.at > now() - interval '26 hours'
	UNION ALL
	SELECT name, until, connections, true, true
	  FROM provider_past
	 WHERE until > now() - interval '26 hours'
)
SELECT name, connections, is_said, was_there,
       (extract(epoch FROM now() - at) * 1000)::bigint AS ago_ms
  FROM past
 ORDER BY at, name;
