-- Takes lines ($1) back out of the staging table.
DELETE FROM import_staging WHERE line = ANY ($1::bigint[]);
