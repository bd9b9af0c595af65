-- Waits for the import lock (session): one import at a time owns import_staging. The number is this
-- lock's name; nothing else uses it.
SELECT pg_advisory_lock(7101);
