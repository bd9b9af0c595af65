-- The snapshot of the open transaction, for others to look through.
SELECT pg_export_snapshot();
