-- An operator moves a node to another state. $1 name, $2 state, $3 verb, $4 actor, $5 because. One
-- row: the state it had (NULL: there is no such node), whether it is alive, the chunks it holds,
-- and whether it moved; a node is not removed while it is alive or holds chunks.
WITH found AS MATERIALIZED (
	SELECT node_id, state, lease_until > now() AS is_alive,
	       (SELECT count(*) FROM chunk c WHERE c.state = 1 AND c.node_id = n.node_id) AS leases
	  FROM node n
	 WHERE name = $1::text AND state <> 3
	   FOR UPDATE
), moved AS (
	UPDATE node n SET state = $2
	  FROM found f
	 WHERE n.node_id = f.node_id AND f.state <> $2
	   AND ($2 <> 3 OR (NOT f.is_alive AND f.leases = 0))
	RETURNING n.node_id
), noted AS (
	INSERT INTO event (actor, verb, object, because)
	SELECT $4, $3, 'node:' || $1, $5 FROM moved
), told AS (
	SELECT count(pg_notify('edm', 'node')) FROM moved
)
SELECT (SELECT state FROM found), (SELECT is_alive FROM found), (SELECT leases FROM found),
       (SELECT count(*) FROM moved), told.count
  FROM told
