-- The limits in force, oldest first; left_ms is NULL where one does not end by itself.
SELECT limit_id, coalesce(provider, ''), coalesce(source_name, ''), coalesce(sending_domain, ''),
       coalesce(node_name, ''), coalesce(campaign_id, 0), spread, kind, n, period_ms,
       (extract(epoch FROM until - now()) * 1000)::bigint AS left_ms, set_by, because, set_at
  FROM limit_rule
 WHERE ended_at IS NULL AND (until IS NULL OR until > now())
 ORDER BY limit_id;
