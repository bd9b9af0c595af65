-- The operator sends to the unknown of a campaign once more: due now, same message. $1 campaign,
-- $2 only who was unknown by then, as the operator was told. Returns how many.
WITH gone AS MATERIALIZED (
	DELETE FROM unknown u USING chunk_data c
	 WHERE u.campaign_id = $1::int AND u.at <= $2::timestamptz
	   AND c.campaign_id = u.campaign_id
	   AND c.chunk_no = u.chunk_no
	RETURNING u.*
), r AS (
	INSERT INTO retry(campaign_id, rid, domain_id, due_at, attempt, class, cause, flags, age_s,
	                  content_version, address, attributes)
	SELECT g.campaign_id, g.rid, g.domain_id, now(), g.attempt, 8, 33,
	       coalesce(c.flags[g.position + 1], 0) | 1, g.age_s, g.content_version,
	       c.addresses[g.position + 1], c.attributes[g.position + 1]
	  FROM gone g JOIN chunk_data c USING (campaign_id, chunk_no)
), m AS (
	INSERT INTO moves_delta(campaign_id, state, n)
	SELECT $1::int, state, sign * count(*)
	  FROM gone, (VALUES (11, -1), (3, 1)) move(state, sign) GROUP BY state, sign
)
SELECT count(*) FROM gone;
