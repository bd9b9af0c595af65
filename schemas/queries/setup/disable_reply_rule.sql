-- A built-in reply rule is switched off. $1 actor, $2 because, $3 id. A row unless it was off.
WITH off AS (
	INSERT INTO reply_rule (rule_id, body, disabled, set_by, because)
	VALUES ($3, '{}', true, $1, $2)
	ON CONFLICT DO NOTHING
	RETURNING rule_id
), noted AS (
	INSERT INTO event (actor, verb, object, because)
	SELECT $1, 'rules remove', 'rule:' || rule_id, $2 FROM off
)
SELECT rule_id FROM off
