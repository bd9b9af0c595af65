-- Takes the node name: it is new, its lease has run out, or the caller holds the journal it names.
-- FOR UPDATE makes a claim of the incarnation before either commit first or find it gone.
-- $1 name, $2 journal uuid, $3 host, $4 pid, $5 engine version, $6 lease in ms.
-- No row: refused (node_by_name tells why).
WITH old AS MATERIALIZED (
	SELECT node_id FROM node WHERE name = $1::text FOR UPDATE
)
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
RETURNING node_id, incarnation, clock_timestamp() AS now;
