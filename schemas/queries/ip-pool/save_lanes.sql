-- What lanes have learnt: $1 source ids, $2 targets, $3 learnt and $4 warm-up as JSON texts (NULL:
-- no warm-up), one element a lane. What operators set of a lane stays. As everybody who writes
-- several lanes, it takes them in the order of their key, lest two wait for each other.
INSERT INTO lane_state (source_id, target, learnt, warmup)
SELECT s, t, l::jsonb, w::jsonb
  FROM unnest($1::int[], $2::text[], $3::text[], $4::text[]) AS u(s, t, l, w)
 ORDER BY s, t COLLATE "C"
ON CONFLICT (source_id, target) DO UPDATE
   SET learnt = excluded.learnt, warmup = excluded.warmup, saved_at = now();
