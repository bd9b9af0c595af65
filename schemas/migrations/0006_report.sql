-- min_engine: 0.1.0
-- What reports need beside the counters.

-- Outcomes arrive in the order of time, so a few pages tell which part of a day holds a minute:
-- samples of a cause are read from the last minute in which the counters saw it. Costs the flush
-- next to nothing.
CREATE INDEX outcome_at ON edm.outcome USING brin (at)
	WITH (pages_per_range = 32, autosummarize = on);

CREATE FUNCTION edm.time_us(at timestamptz) RETURNS bigint
	LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
	'SELECT (extract(epoch FROM at) * 1000000)::bigint';
COMMENT ON FUNCTION edm.time_us IS
	'Microseconds since 1970-01-01 UTC, as the program counts them; for times inside JSON.';
