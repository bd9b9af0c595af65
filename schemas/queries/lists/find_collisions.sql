-- Lines of the staged rows whose rid belongs to another address, stored or earlier in the file. The
-- key of an address is the address in lower case (engine/base/address.h).
SELECT s.line
  FROM import_staging s JOIN recipient r ON r.rid = s.rid
 WHERE r.address <> s.address AND lower(r.address) <> lower(s.address)
UNION
SELECT s.line
  FROM (SELECT rid, min(line) AS line FROM import_staging GROUP BY rid HAVING count(*) > 1) x
  JOIN import_staging first ON first.rid = x.rid AND first.line = x.line
  JOIN import_staging s ON s.rid = x.rid
 WHERE s.address <> first.address AND lower(s.address) <> lower(first.address)
 ORDER BY 1;
