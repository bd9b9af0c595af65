-- Takes the node name: it is new, its lease has run out, or the caller holds the journal it names.
-- FOR UPDATE makes a claim of the incarnation before either commit first or find it gone.
-- An unclean end of the process before is written down in the same breath. A clean stop ends its
-- lease at once, so one that was left to run out was none; of a lease that was reaped (which are
-- all that are over, once another node is there) only the time of that is known, and when in doubt
-- the end was unclean.
-- $1 name, $2 journal uuid, $3 host, $4 pid, $5 engine version, $6 lease in ms.
-- No row: refused (node_by_name tells why).
WITH old AS MATERIALIZED (
	SELECT node_id, CASE WHEN isfinite(lease_until) THEN lease_until > beat_at
	                     ELSE reaped_at >= full_until END AS was_unclean,
	       least(now(), CASE WHEN isfinite(lease_until) THEN lease_until
	                         ELSE full_until END) AS alive_at
	  FROM node, LATERAL (SELECT beat_at + $6::bigint * interval '1 ms' AS full_until) f
	 WHERE name = $1::text FOR UPDATE OF node
), me AS (
	INSERT INTO node AS x (name, incarnation, journal, host, pid, version, lease_until)
	SELECT $1::text, 1, $2::uuid, $3::text, $4::int, $5::text,
	       clock_timestamp() + $6::bigint * interval '1 ms'
	  FROM (SELECT count(*) FROM old) locked
	ON CONFLICT (name) DO UPDATE SET
		incarnation = x.incarnation + 1, journal = excluded.journal, host = excluded.host,
		pid = excluded.pid, version = excluded.version, lease_until = excluded.lease_until,
		state = CASE x.state WHEN 3 THEN 1 ELSE x.state END,
		registered_at = now(), alive_since = now(), beat_at = now(), reaped_at = NULL
	 WHERE x.lease_until < now() OR x.journal = excluded.journal
	RETURNING node_id, incarnation
), gone AS (
	DELETE FROM unclean_stop u USING me
	 WHERE u.node_id = me.node_id AND u.begun_at < now() - interval '25 hours'
), stop AS (
	INSERT INTO unclean_stop(node_id, incarnation, alive_at)
	SELECT node_id, me.incarnation, old.alive_at FROM me JOIN old USING (node_id)
	 WHERE old.was_unclean
)
SELECT node_id, incarnation, clock_timestamp() AS now FROM me;
