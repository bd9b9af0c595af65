-- The keys of sending domain $1.
SELECT sending_domain_id, selector, algorithm, state, public_key, sealed_key
  FROM dkim_key
 WHERE sending_domain_id = $1
 ORDER BY selector
