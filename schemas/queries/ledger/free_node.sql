-- Nothing waits for this node any more (reaped, drained, removed). $1 node.
WITH r AS (
	UPDATE retry SET node_id = NULL, source_id = 0, prefer_until = NULL WHERE node_id = $1::int
)
UPDATE chunk SET meant_for = NULL WHERE state = 0 AND meant_for = $1::int;
