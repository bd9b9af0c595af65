-- A new key. $1 sending domain, $2 selector, $3 algorithm, $4 sealed private key, $5 public key,
-- $6 state, $7 name of the domain, $8 actor, $9 because.
WITH added AS (
	INSERT INTO dkim_key (sending_domain_id, selector, algorithm, sealed_key, public_key, state)
	VALUES ($1, $2, $3, $4, $5, $6)
	RETURNING selector
), noted AS (
	INSERT INTO event (actor, verb, object, because, detail)
	SELECT $8, 'domain key', 'domain:' || $7::text, $9,
	       jsonb_build_object('selector', selector, 'algorithm', $3, 'state', $6)
	  FROM added
)
SELECT selector, pg_notify('edm', 'identity')::text FROM added
