-- Changes a source in use; NULL keeps. $1 name, $2 ehlo, $3 public address, $4 pool, $5 weight,
-- $6 node ('' = none), $7 warm-up plan as JSON ('null' = warm), $8 actor, $9 because. A plan, be it
-- the same again, begins anew on every lane: begun_us tells plans apart, and lanes that stand on
-- another begin at its first step. A plan alone is an event of its own.
WITH changed AS (
	UPDATE source
	   SET ehlo = coalesce($2, ehlo), public_address = coalesce($3::inet, public_address),
	       pool = coalesce($4, pool), weight = coalesce($5, weight),
	       node_name = CASE WHEN $6::text IS NULL THEN node_name ELSE nullif($6, '') END,
	       warmup = CASE WHEN $7::text IS NULL THEN warmup
	                     ELSE nullif($7::jsonb, 'null') || jsonb_build_object('begun_us',
	                          (extract(epoch FROM clock_timestamp()) * 1000000)::bigint) END
	 WHERE name = $1 AND state <> 3
	RETURNING source_id
), locked AS MATERIALIZED (
	SELECT l.source_id, l.target
	  FROM lane_state l JOIN changed USING (source_id)
	 WHERE $7 IS NOT NULL
	 ORDER BY 1, 2 FOR UPDATE OF l
), anew AS (
	UPDATE lane_state l SET warmup = NULL, warmup_held = false, warmup_advanced = 0
	  FROM locked k
	 WHERE l.source_id = k.source_id AND l.target = k.target
), noted AS (
	INSERT INTO event (actor, verb, object, because, detail)
	SELECT $8, CASE WHEN $7 IS NOT NULL AND num_nonnulls($2, $3, $4, $5, $6) = 0
	                THEN 'warmup plan' ELSE 'source set' END, 'source:' || $1, $9,
	       jsonb_strip_nulls(jsonb_build_object(
	           'ehlo', $2, 'public', $3, 'pool', $4, 'weight', $5, 'node', $6, 'plan',
	           CASE WHEN $7 IS NOT NULL THEN coalesce($7::jsonb -> 'plan', '"warm"') END))
	  FROM changed
)
SELECT source_id, pg_notify('edm', 'identity')::text FROM changed;
