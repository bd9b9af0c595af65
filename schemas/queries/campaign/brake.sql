-- Stops campaign $1 if it is running and still at version $2: paused, reason brake. $3 the
-- sentence, $4 what it is drawn from (JSON). One row, its name, or none.
WITH c AS (
	UPDATE campaign SET state = 4, reason = 2, reason_text = $3, state_by = 'brake',
	       state_since = now(), version = version + 1,
	       settings = settings || jsonb_build_object('braked', $4::text::jsonb)
	 WHERE campaign_id = $1 AND version = $2 AND state = 3
	RETURNING name
), e AS (
	INSERT INTO event(actor, verb, object, because, detail)
	SELECT 'brake', 'campaign pause', 'campaign:' || name, $3, $4::text::jsonb FROM c
)
SELECT name, pg_notify('edm', 'campaign')::text FROM c
