-- min_engine: 0.1.0
-- Retention believes a clock only after a week.

CREATE FUNCTION edm.clock_is_steady() RETURNS bool LANGUAGE sql STABLE SET timezone = 'UTC' AS $$
	SELECT coalesce(bool_or(day = current_date)
	                AND NOT bool_or(day > current_date - 7 AND day - before > 31), false)
	  FROM (SELECT day, lag(day) OVER (ORDER BY day) AS before
	          FROM (SELECT to_date(right(c.relname, 8), 'YYYYMMDD') AS day
	                  FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
	                 WHERE i.inhparent = 'edm.outcome'::regclass) part
	         WHERE day <= current_date) x
$$;
COMMENT ON FUNCTION edm.clock_is_steady IS
	'False for a week after the clock has gone ahead by more than a month: then more than 31 '
	'days without a partition of outcome lie just behind. Retention waits meanwhile.';
