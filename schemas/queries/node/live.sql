-- What a node is doing, once a second. $1 node name, $2 incarnation, $3 JSON.
INSERT INTO node_live AS l (node_id, incarnation, at, live)
SELECT node_id, $2, now(), $3::jsonb FROM node WHERE name = $1
ON CONFLICT (node_id) DO UPDATE SET incarnation = excluded.incarnation, at = excluded.at,
	live = excluded.live
