-- Puts keys into a provider's override. $1 name, $2 the keys as JSON, $3 actor, $4 because. Returns
-- the whole override; $2 empty ({}) with $5 true removes it. $6: the connections that the profile
-- allowed till now change, $7: which were so many (NULL: any number).
WITH gone AS (
	DELETE FROM provider WHERE name = $1 AND $5 RETURNING name
), old AS (
	DELETE FROM provider_past WHERE until < now() - interval '26 hours'
), past AS (
	INSERT INTO provider_past (name, connections)
	SELECT $1, $7::int WHERE $6 AND (NOT $5 OR EXISTS (SELECT FROM gone))
	ON CONFLICT (name, until) DO NOTHING
), stated AS (
	INSERT INTO provider (name, overrides, set_by)
	SELECT $1, $2::jsonb, $3 WHERE NOT $5
	ON CONFLICT (name) DO UPDATE
	   SET overrides = provider.overrides || excluded.overrides || jsonb_build_object('limits',
	           coalesce(provider.overrides->'limits', '{}') ||
	           coalesce(excluded.overrides->'limits', '{}')),
	       set_by = excluded.set_by, set_at = now()
	RETURNING name
), noted AS (
	INSERT INTO event (actor, verb, object, because, detail)
	SELECT $3, CASE WHEN $5 THEN 'provider unset' ELSE 'provider set' END,
	       'provider:' || name, $4, $2::jsonb
	  FROM (SELECT name FROM gone UNION ALL SELECT name FROM stated) d
)
SELECT name, pg_notify('edm', 'identity')::text
  FROM (SELECT name FROM gone UNION ALL SELECT name FROM stated) d;
