-- Where mail for rid $1 goes, as far as is known: the name of its provider or of its site, whose
-- queue nodes show; '' = nobody has looked its domain up yet. Routes come before DNS.
SELECT coalesce(r.host || ':' || r.port, d.provider, d.last_mx, '')
  FROM recipient p JOIN recipient_domain d USING (domain_id)
  LEFT JOIN LATERAL (SELECT host, port FROM route WHERE domain IN (d.name, '*')
                      ORDER BY domain = '*' LIMIT 1) r ON true
 WHERE p.rid = $1::bigint;
