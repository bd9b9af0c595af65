-- Takes a sending domain out of use and retires its keys. $1 name, $2 actor, $3 because. No row:
-- there is none.
WITH gone AS (
	UPDATE sending_domain SET removed_at = now()
	 WHERE name = $1 AND removed_at IS NULL
	RETURNING sending_domain_id, name
), retired AS (
	UPDATE dkim_key k SET state = 3
	  FROM gone g
	 WHERE k.sending_domain_id = g.sending_domain_id
), noted AS (
	INSERT INTO event (actor, verb, object, because)
	SELECT $2, 'domain remove', 'domain:' || name, $3 FROM gone
)
SELECT name, pg_notify('edm', 'identity')::text FROM gone
