-- Static routes.
SELECT domain, host, port, tls, coalesce(auth_user, ''), sealed_password, set_by, set_at
  FROM route
 ORDER BY domain;
