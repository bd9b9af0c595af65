-- Waits until nobody else folds suppressions, and keeps it so until the transaction ends: the lock
-- fold_suppressions tries for.
SELECT pg_advisory_xact_lock(hashtext('edm.fold_suppressions'));
