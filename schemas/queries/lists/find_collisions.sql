-- Lines of the staged rows whose rid belongs to another address, stored or earlier in the file. The
-- key of an address is the address in lower case (engine/base/address.h).
SELECT s.line
  FROM import_staging s JOIN recipient r ON r.rid = s.rid
 WHERE lower(r.address) <> lower(s.address)
UNION
SELECT s.line
  FROM import_staging s
  JOIN (SELECT rid, (array_agg(lower(address) ORDER BY line))[1] AS first
          FROM import_staging GROUP BY rid
        HAVING min(lower(address)) <> max(lower(address))) x ON x.rid = s.rid
 WHERE lower(s.address) <> x.first
 ORDER BY 1;
