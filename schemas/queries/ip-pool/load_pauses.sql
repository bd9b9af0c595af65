-- The pauses in force; left_ms is NULL for one that lasts until it is lifted.
SELECT pause_id, coalesce(provider, site, ''), coalesce(source_name, ''), coalesce(campaign_id, 0),
       origin, who, why, since, (extract(epoch FROM until - now()) * 1000)::bigint AS left_ms
  FROM pause
 WHERE lifted_at IS NULL AND (until IS NULL OR until > now())
 ORDER BY pause_id;
