-- Which installation this database is.
SELECT uuid FROM installation
