-- Every node that is not removed, with what it holds and what it last said of itself. One that
-- stopped in order ended its lease with its last beat (ledger/leave), also when that was reaped
-- since (ledger/reap_nodes).
SELECT n.node_id, n.name, n.host, n.version, n.state, n.pid, n.lease_until > now() AS is_alive,
       (extract(epoch FROM now() - n.alive_since) * 1000)::bigint AS alive_for_ms,
       (extract(epoch FROM now() - n.beat_at) * 1000)::bigint AS last_beat_ago_ms,
       CASE WHEN n.lease_until > now() THEN coalesce((l.live->>'sessions')::bigint, 0) ELSE 0 END,
       (SELECT count(*) FROM chunk c WHERE c.state = 1 AND c.node_id = n.node_id) AS leases,
       (SELECT count(*) FROM source s WHERE s.state <> 3 AND s.node_name = n.name) AS sources,
       coalesce(n.beat_at = CASE WHEN isfinite(n.lease_until) THEN n.lease_until
	                                 ELSE n.reaped_at END, false) AS has_left
  FROM node n
  LEFT JOIN node_live l ON l.node_id = n.node_id AND l.incarnation = n.incarnation
 WHERE n.state <> 3
 ORDER BY n.name
