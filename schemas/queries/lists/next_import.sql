-- The number of the import about to be made.
SELECT nextval(pg_get_serial_sequence('edm.import', 'import_id'))::int;
