-- A wall-clock time in a named zone as an instant. $1 "YYYY-MM-DD HH:MM:SS", $2 zone. One row:
-- whether the zone is known, the instant (the first of two where clocks go back), whether that
-- wall-clock time exists (it does not where clocks go forward), whether it comes twice, the instant
-- as the zone's wall clock shows it, the zone's name as written there, now.
WITH z AS (
	SELECT name FROM pg_timezone_names WHERE lower(name) = lower($2::text) LIMIT 1
), t AS (
	SELECT z.name, $1::timestamp AS wall, $1::timestamp AT TIME ZONE z.name AS at FROM z
), u AS (
	SELECT t.*, (at - interval '1 hour') AT TIME ZONE name = wall AS has_earlier FROM t
)
SELECT name IS NOT NULL, CASE WHEN has_earlier THEN at - interval '1 hour' ELSE at END AS at,
       at AT TIME ZONE name = wall AS is_real, has_earlier AS is_twice,
       to_char(at AT TIME ZONE name, 'YYYY-MM-DD HH24:MI:SS'), name, now()
  FROM u
