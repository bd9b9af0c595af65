-- A node asks for its shares of the limits that hold over all nodes (edm.limit_share_ask says how
-- they are dealt). $1 node, $2 incarnation, $3 newest rule it goes by, $4 whether it is leaving;
-- one element a limit: $5 scopes, $6 meters, $7 graces in ms, $8 rules, $9 limits, $10 what it
-- wants, $11 what it counts, $12 version of the part it goes by. No row: its lease is over.
SELECT scope, meter::int, part, version
  FROM limit_share_ask($1::int, $2::int, $3::int, $4::bool, ARRAY(
	SELECT ROW(s, m, $1, $2, g, r, n, w, h, 0, v)::limit_share
	  FROM unnest($5::text[], $6::int[], $7::bigint[], $8::int[], $9::bigint[], $10::bigint[],
	              $11::bigint[], $12::int[]) AS u(s, m, g, r, n, w, h, v)));
