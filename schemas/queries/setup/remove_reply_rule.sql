-- An operator's reply rule is no more. $1 actor, $2 because, $3 id. A row if there was one.
WITH gone AS (
	DELETE FROM reply_rule WHERE rule_id = $3 AND NOT disabled
	RETURNING rule_id, body
), noted AS (
	INSERT INTO event (actor, verb, object, because, detail)
	SELECT $1, 'rules remove', 'rule:' || rule_id, $2, jsonb_build_object('was', body)
	  FROM gone
)
SELECT rule_id FROM gone
