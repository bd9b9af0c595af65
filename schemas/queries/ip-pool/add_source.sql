-- A new source. $1 name, $2 address, $3 ehlo, $4 public address or NULL, $5 pool, $6 weight,
-- $7 node or NULL, $8 actor, $9 because. No id: another source in use has this address and public
-- address.
WITH twin AS (
	SELECT name FROM source
	 WHERE state <> 3 AND address = $2::inet
	   AND coalesce(public_address, address) = coalesce($4::inet, $2::inet)
), added AS (
	INSERT INTO source (name, address, ehlo, public_address, pool, weight, node_name)
	SELECT $1, $2::inet, $3, $4::inet, $5, $6, $7 WHERE NOT EXISTS (SELECT FROM twin)
	RETURNING source_id
), noted AS (
	INSERT INTO event (actor, verb, object, because, detail)
	SELECT $8, 'source add', 'source:' || $1, $9,
	       jsonb_build_object('address', $2, 'ehlo', $3, 'public', $4, 'pool', $5,
	                          'weight', $6, 'node', $7)
	  FROM added
), told AS (
	SELECT count(pg_notify('edm', 'identity')) FROM added
)
SELECT (SELECT source_id FROM added), coalesce((SELECT name FROM twin LIMIT 1), ''), told.count
  FROM told;
