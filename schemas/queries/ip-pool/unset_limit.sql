-- Ends limits of one scope: all its kinds, or one. $1 … $6 as in set_limit, $7 kind and $8 period
-- (NULL: every), $9 object of the event, $10 actor, $11 because. One row for each.
WITH ended AS (
	UPDATE limit_rule SET ended_at = now(), ended_by = $10
	 WHERE ended_at IS NULL AND provider IS NOT DISTINCT FROM $1
	   AND source_name IS NOT DISTINCT FROM $2
	   AND campaign_id IS NOT DISTINCT FROM $3 AND sending_domain IS NOT DISTINCT FROM $4
	   AND node_name IS NOT DISTINCT FROM $5 AND spread = $6
	   AND ($7::smallint IS NULL OR kind = $7) AND ($8::bigint IS NULL OR period_ms = $8)
	RETURNING limit_id, kind, n, period_ms
), noted AS (
	INSERT INTO event (actor, verb, object, because, detail)
	SELECT $10, 'limit unset', $9, $11,
	       jsonb_build_object('id', limit_id, 'kind', kind, 'n', n, 'period_ms', period_ms)
	  FROM ended
)
SELECT limit_id, pg_notify('edm', 'identity')::text FROM ended;
