-- A built-in reply rule is in force as it was shipped: nothing stands in its place. $1 actor,
-- $2 because, $3 id. A row unless it was.
WITH gone AS (
	DELETE FROM reply_rule WHERE rule_id = $3
	RETURNING rule_id, body, disabled
), noted AS (
	INSERT INTO event (actor, verb, object, because, detail)
	SELECT $1, 'rules restore', 'rule:' || rule_id, $2,
	       jsonb_build_object('was', body, 'was_off', disabled)
	  FROM gone
)
SELECT rule_id FROM gone
