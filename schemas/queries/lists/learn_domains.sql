-- What nodes found in DNS: names $1 have provider $2 ('' = the tail) and best MX $3. Only what
-- changed is written.
UPDATE recipient_domain d
   SET provider = nullif(x.provider, ''), last_mx = x.mx, resolved_at = now()
  FROM unnest($1::text[], $2::text[], $3::text[]) AS x(name, provider, mx)
 WHERE d.name = x.name
   AND (d.provider IS DISTINCT FROM nullif(x.provider, '') OR d.last_mx IS DISTINCT FROM x.mx
	OR d.resolved_at IS NULL OR d.resolved_at < now() - interval '1 day');
