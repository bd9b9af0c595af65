-- What lanes had learnt when they were saved; age_ms: how long ago.
SELECT source_id, target, learnt, warmup, warmup_held, warmup_advanced,
       (extract(epoch FROM now() - saved_at) * 1000)::bigint AS age_ms, forgotten
  FROM lane_state
 ORDER BY source_id, target;
