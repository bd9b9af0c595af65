-- A node row. $1 name.
SELECT node_id, incarnation, state, journal, host, pid, registered_at, lease_until,
       lease_until >= now() AS alive
  FROM node WHERE name = $1::text;
