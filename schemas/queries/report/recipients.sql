-- Opens a cursor over everybody in the audience of campaign $1 with what became of them, in the
-- states $2 (empty = any), as of one snapshot. A recipient is in exactly one of the five parts: a
-- chunk's unset bits, bits in doubt, retry, unknown, or an outcome that is final.
DECLARE report_recipients NO SCROLL CURSOR FOR
WITH wanted AS MATERIALIZED (
	SELECT $1::int AS campaign_id, $2::smallint[] AS states
), last_try AS (
	SELECT DISTINCT ON (o.rid) o.* FROM wanted JOIN outcome o USING (campaign_id)
	 WHERE o.state = 3 AND (wanted.states = '{}' OR 3 = ANY (wanted.states))
	 ORDER BY o.rid, o.at DESC
), placed AS (
	SELECT CASE c.state WHEN 0 THEN 1 WHEN 1 THEN 2 ELSE c.settled_as END::smallint AS state,
	       u.rid, u.address, CASE WHEN c.state = 1 THEN c.leased_at END AS since,
	       NULL::timestamptz AS until, coalesce(u.attempts, 0)::smallint AS attempts,
	       0::smallint AS class, 0::smallint AS cause, 0::smallint AS code, 0 AS enhanced,
	       0::bigint AS template, '' AS vars, '' AS rule, '' AS mx
	  FROM wanted w JOIN chunk c USING (campaign_id)
	  JOIN chunk_data t USING (campaign_id, chunk_no)
	 CROSS JOIN LATERAL unnest(t.rids, t.addresses, t.attempts)
	            WITH ORDINALITY u(rid, address, attempts, i)
	 WHERE c.state <> 2 AND get_bit(c.done_map, u.i::int - 1) = 0
	   AND (w.states = '{}'
	        OR CASE c.state WHEN 0 THEN 1 WHEN 1 THEN 2 ELSE c.settled_as END = ANY (w.states))
	UNION ALL
	SELECT 2, u.rid, u.address, d.made_at, d.until, coalesce(u.attempts, 0), 0, 0, 0, 0, 0, '',
	       '', ''
	  FROM wanted w JOIN doubt d USING (campaign_id)
	  JOIN chunk_data t USING (campaign_id, chunk_no)
	 CROSS JOIN LATERAL unnest(t.rids, t.addresses, t.attempts)
	            WITH ORDINALITY u(rid, address, attempts, i)
	 WHERE d.open AND get_bit(d.map, u.i::int - 1) = 1
	   AND (w.states = '{}' OR 2 = ANY (w.states))
	UNION ALL
	SELECT 3, r.rid, r.address, r.since, r.due_at, r.attempt, r.class, r.cause,
	       coalesce(o.code, 0::smallint), coalesce(o.enhanced, 0), coalesce(o.template, 0),
	       coalesce(o.vars, ''), coalesce(o.rule, ''), coalesce(o.mx, '')
	  FROM wanted w JOIN retry r USING (campaign_id) LEFT JOIN last_try o USING (rid)
	 WHERE w.states = '{}' OR 3 = ANY (w.states)
	UNION ALL
	SELECT 11, u.rid, coalesce(p.address, ''), u.at, NULL, u.attempt, 8, 33, 0, 0, 0, '', '', ''
	  FROM wanted w JOIN unknown u USING (campaign_id) LEFT JOIN recipient p USING (rid)
	 WHERE w.states = '{}' OR 11 = ANY (w.states)
	UNION ALL
	SELECT o.state, o.rid, coalesce(p.address, ''), o.at, NULL, o.attempt, o.class, o.cause,
	       o.code, o.enhanced, o.template, o.vars, o.rule, o.mx
	  FROM wanted w JOIN outcome o USING (campaign_id) LEFT JOIN recipient p USING (rid)
	 WHERE o.state BETWEEN 4 AND 10 AND (w.states = '{}' OR o.state = ANY (w.states))
)
SELECT p.state, p.address, p.since, p.until, p.attempts, p.class, p.cause, p.code, p.enhanced,
       coalesce(t.template, '') AS template, p.vars, p.rule, p.mx
  FROM placed p LEFT JOIN reply_template t ON t.hash = p.template;
