-- The database's time, for comparison with ours.
SELECT clock_timestamp()
