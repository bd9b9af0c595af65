-- $1 domain or *, $2 actor, $3 because. No row: there was none.
WITH gone AS (
	DELETE FROM route WHERE domain = $1 RETURNING domain, host, port
), noted AS (
	INSERT INTO event (actor, verb, object, because, detail)
	SELECT $2, 'route remove', 'route:' || domain, $3,
	       jsonb_build_object('host', host, 'port', port)
	  FROM gone
)
SELECT domain, pg_notify('edm', 'identity')::text FROM gone;
