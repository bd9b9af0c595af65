-- The event of a change of a provider's profile. $1 verb, $2 name, $3 for so many ms (NULL: for
-- ever), $4 actor, $5 because, $6 what the profile said before and says now, as JSON.
WITH noted AS (
	INSERT INTO event (actor, verb, object, because, detail)
	SELECT $4, $1, 'provider:' || $2, $5,
	       $6::jsonb || jsonb_build_object('until', now() + $3 * interval '1 millisecond')
)
SELECT pg_notify('edm', 'identity')::text;
