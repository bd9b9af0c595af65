-- A hidden list of one person, for campaign test. $1 rid, $2 domain, $3 address, $4 name,
-- $5 attributes (JSON), $6 by. Returns its id.
WITH d AS (
	INSERT INTO recipient_domain(name) VALUES ($2)
	ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING domain_id
), r AS (
	INSERT INTO recipient(rid, domain_id, address) SELECT $1, domain_id, $3 FROM d
	ON CONFLICT (rid) DO NOTHING
), l AS (
	INSERT INTO list(name, hidden, created_by) VALUES ($4, true, $6) RETURNING list_id
), m AS (
	INSERT INTO list_member(list_id, domain_id, rid, attributes)
	SELECT l.list_id, d.domain_id, $1, $5::jsonb FROM l, d
), n AS (
	INSERT INTO list_domain_count(list_id, domain_id, n)
	SELECT l.list_id, d.domain_id, 1 FROM l, d
)
SELECT list_id FROM l
