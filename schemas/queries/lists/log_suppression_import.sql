-- Writes down an import of addresses to suppress. $1 import · $2 file · $3 encoding · $4 rows ·
-- $5 added · $6 there already · $7 refused · $8 by whom
INSERT INTO import (import_id, list_id, file, encoding, lines, added, unchanged, refused,
		    imported_by)
VALUES ($1, 0, $2, $3, $4, $5, $6, $7, $8);
