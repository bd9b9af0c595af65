-- The zone called $1 in any case, as it is written there; no row: there is none.
SELECT name FROM pg_timezone_names WHERE lower(name) = lower($1::text) LIMIT 1
