-- What operators say of providers, the later row winning key by key; left_ms is NULL where one does
-- not end by itself.
SELECT name, overrides, begun_in, (extract(epoch FROM until - now()) * 1000)::bigint AS left_ms,
       set_by, because
  FROM provider
 WHERE until IS NULL OR until > now()
 ORDER BY name, patch_id;
