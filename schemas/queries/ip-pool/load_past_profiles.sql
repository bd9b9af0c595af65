-- Connections that profiles allowed before they were changed in the last 26 h, oldest first;
-- ago_ms: since the change.
SELECT name, connections, greatest(0, (extract(epoch FROM now() - until) * 1000)::bigint) AS ago_ms
  FROM provider_past
 WHERE until > now() - interval '26 hours'
 ORDER BY until;
