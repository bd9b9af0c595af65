-- States one number. $1 provider, $2 source, $3 campaign, $4 sending domain, $5 node (NULL: not
-- named), $6 spread, $7 kind, $8 n, $9 period in ms, $10 for so many ms (NULL: for ever),
-- $11 object of the event, $12 actor, $13 because. It takes the place of the one with the same
-- scope, kind and period that lasts (or ends) likewise.
WITH ended AS (
	UPDATE limit_rule SET ended_at = now(), ended_by = $12
	 WHERE ended_at IS NULL AND provider IS NOT DISTINCT FROM $1
	   AND source_name IS NOT DISTINCT FROM $2
	   AND campaign_id IS NOT DISTINCT FROM $3 AND sending_domain IS NOT DISTINCT FROM $4
	   AND node_name IS NOT DISTINCT FROM $5 AND spread = $6
	   AND kind = $7 AND period_ms = $9 AND (until IS NULL) = ($10::bigint IS NULL)
	RETURNING limit_id, n
), added AS (
	INSERT INTO limit_rule (provider, source_name, campaign_id, sending_domain, node_name,
	                        spread, kind, n, period_ms, until, set_by, because, replaces)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, now() + $10 * interval '1 millisecond',
	        $12, $13, (SELECT max(limit_id) FROM ended))
	RETURNING limit_id, until
), noted AS (
	INSERT INTO event (actor, verb, object, because, detail)
	SELECT $12, 'limit set', $11, $13,
	       jsonb_build_object('id', limit_id, 'kind', $7, 'n', $8, 'period_ms', $9,
	                          'until', until, 'was', (SELECT max(n) FROM ended))
	  FROM added
)
SELECT limit_id, pg_notify('edm', 'identity')::text FROM added;
