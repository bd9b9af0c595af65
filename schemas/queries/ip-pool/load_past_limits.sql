-- Limits of connections, and of new ones by the hour and day, that held at some time in the last
-- 26 h, those in force included, oldest first: what a process may have had open, or not saved, when
-- it was killed. left_ms: until it ended or will (negative: that long ago), NULL where it does not;
-- ago_ms: since it was set.
SELECT limit_id, coalesce(provider, ''), coalesce(source_name, ''), coalesce(sending_domain, ''),
       coalesce(node_name, ''), coalesce(campaign_id, 0), spread, kind, n, period_ms,
       (extract(epoch FROM least(ended_at, until) - now()) * 1000)::bigint AS left_ms,
       greatest(0, (extract(epoch FROM now() - set_at) * 1000)::bigint) AS ago_ms
  FROM limit_rule
 WHERE (kind = 1 OR (kind = 2 AND period_ms >= 3600000))
   AND (least(ended_at, until) IS NULL OR least(ended_at, until) > now() - interval '26 hours')
 ORDER BY limit_id;
