-- A static route. $1 domain or *, $2 host, $3 port, $4 tls, $5 user or NULL, $6 sealed password or
-- NULL, $7 actor, $8 because.
WITH stated AS (
	INSERT INTO route (domain, host, port, tls, auth_user, sealed_password, set_by)
	VALUES ($1, $2, $3, $4, $5, $6, $7)
	ON CONFLICT (domain) DO UPDATE
	   SET host = excluded.host, port = excluded.port, tls = excluded.tls,
	       auth_user = excluded.auth_user, sealed_password = excluded.sealed_password,
	       set_by = excluded.set_by, set_at = now()
	RETURNING domain
), noted AS (
	INSERT INTO event (actor, verb, object, because, detail)
	SELECT $7, 'route set', 'route:' || domain, $8,
	       jsonb_build_object('host', $2, 'port', $3, 'tls', $4, 'user', $5)
	  FROM stated
)
SELECT domain, pg_notify('edm', 'identity')::text FROM stated;
