-- Moves a source to another state. $1 name, $2 new state, $3 verb, $4 actor, $5 because. One row
-- with the state it had (NULL: there is no such source) and whether it moved.
WITH found AS (
	SELECT source_id, state FROM source WHERE name = $1 AND state <> 3 FOR UPDATE
), moved AS (
	UPDATE source s SET state = $2, state_since = now()
	  FROM found f
	 WHERE s.source_id = f.source_id AND f.state <> $2
	RETURNING s.source_id
), noted AS (
	INSERT INTO event (actor, verb, object, because)
	SELECT $4, $3, 'source:' || $1, $5 FROM moved
), told AS (
	SELECT count(pg_notify('edm', 'identity')) FROM moved
)
SELECT (SELECT state FROM found), (SELECT count(*) FROM moved), told.count FROM told;
