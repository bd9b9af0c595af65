-- $2 (a rid) leaves list $1: status $3 (2 unsubscribed, 3 complained, which are also the causes of
-- suppression). Running nodes hear of it through the feed.
WITH gone AS (
	UPDATE list_member SET status = $3, changed_at = now()
	 WHERE list_id = $1 AND rid = $2 AND status <> $3 AND status <> 3
	RETURNING domain_id
),
was AS (
	SELECT m.domain_id FROM list_member m JOIN gone USING (domain_id)
	 WHERE m.list_id = $1 AND m.rid = $2 AND m.status = 1
),
counted AS (
	UPDATE list_domain_count c SET n = c.n - 1 FROM was
	 WHERE c.list_id = $1 AND c.domain_id = was.domain_id
),
added AS (
	INSERT INTO suppression (rid, scope, cause, note, added_by) VALUES ($2, $1, $3, '', $4)
	    ON CONFLICT (rid, scope, cause) DO NOTHING
	RETURNING rid, scope, cause
),
fed AS (
	INSERT INTO suppression_feed (rid, scope, cause) SELECT rid, scope, cause FROM added
)
SELECT count(*) FROM gone;
