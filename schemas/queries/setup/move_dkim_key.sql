-- Moves a key to another state. $1 sending domain, $2 selector, $3 state, $4 name of the domain,
-- $5 name of the state, $6 actor, $7 because. No row: it is in that state.
WITH moved AS (
	UPDATE dkim_key SET state = $3
	 WHERE sending_domain_id = $1 AND selector = $2 AND state <> $3
	RETURNING selector
), noted AS (
	INSERT INTO event (actor, verb, object, because, detail)
	SELECT $6, 'domain key', 'domain:' || $4::text, $7,
	       jsonb_build_object('selector', selector, 'state', $5::text)
	  FROM moved
)
SELECT selector, pg_notify('edm', 'identity')::text FROM moved
