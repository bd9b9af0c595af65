COPY import_staging (line, rid, address, domain, attributes) FROM STDIN (FORMAT binary)
