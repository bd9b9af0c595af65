-- The sending hours of campaign $1 that is at version $2 and not over: $3 hours ('' = always) by
-- the clock of zone $4; $5 actor, $6 because. No row: not as seen, or over.
WITH c AS (
	UPDATE campaign SET version = version + 1,
	       windows = CASE WHEN $3::text <> ''
	                      THEN jsonb_build_object('hours', $3::text, 'zone', $4::text) END
	 WHERE campaign_id = $1 AND version = $2 AND state IN (1, 2, 3, 4)
	RETURNING name, windows
), e AS (
	INSERT INTO event(actor, verb, object, because, detail)
	SELECT $5, 'campaign edit', 'campaign:' || name, $6, jsonb_build_object('windows', windows)
	  FROM c
)
SELECT pg_notify('edm', 'campaign')::text FROM c
