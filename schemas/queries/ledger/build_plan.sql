-- The batches of a frozen audience that are not built yet, in order: always the same cut, computed
-- from what the freeze wrote. A domain larger than a batch is cut by ranges of rid, which is spread
-- evenly; smaller ones of a group are put together by ranges of domain_id. First pieces of all
-- named groups come first, so that every lane starts early, and the tail comes last; the very
-- first batch is a tenth of what it would be, so that sending starts at once. $1 campaign.
WITH d AS (
	SELECT d.domain_id, d.n, d.group_name, a.batch_size, d.n > a.batch_size AS is_big,
	       sum(d.n) OVER (PARTITION BY d.group_name) AS total
	  FROM audience a JOIN audience_domain d USING (campaign_id)
	 WHERE a.campaign_id = $1::int AND NOT a.complete
), small AS (
	SELECT group_name, total, min(domain_id) AS domain_lo, max(domain_id) AS domain_hi,
	       0 AS piece, 1 AS pieces, sum(n) AS people
	  FROM (SELECT d.*, (sum(n) OVER (PARTITION BY group_name ORDER BY domain_id) - n)
	                    / batch_size AS part
	          FROM d WHERE NOT is_big) x
	 GROUP BY group_name, total, part
), big AS (
	SELECT group_name, total, domain_id, domain_id, piece, pieces, n / pieces
	  FROM d, LATERAL (SELECT (n + batch_size - 1) / batch_size AS pieces) k,
	       generate_series(0, pieces - 1) piece
	 WHERE is_big
), nth AS (
	SELECT *, row_number() OVER (PARTITION BY group_name ORDER BY domain_lo, piece) AS nth
	  FROM (SELECT * FROM small UNION ALL SELECT * FROM big) x
), ordered AS (
	SELECT *, row_number() OVER w AS no, first_value(people) OVER w > 2000 AS is_cut
	  FROM nth WINDOW w AS (ORDER BY group_name = 'tail', nth, total DESC, group_name)
), cut AS (
	SELECT ordered.*, (no + c.extra)::int AS batch_no, piece * 10 + c.tenth_from AS tenth_from,
	       piece * 10 + c.tenth_to AS tenth_to
	  FROM ordered,
	       LATERAL (SELECT 0, 0, 1 WHERE no = 1 AND is_cut
	                UNION ALL SELECT 1, 1, 10 WHERE no = 1 AND is_cut
	                UNION ALL SELECT is_cut::int, 0, 10 WHERE no > 1 OR NOT is_cut)
	         c(extra, tenth_from, tenth_to)
)
SELECT batch_no, group_name, domain_lo, domain_hi,
       (-9223372036854775808 + div(18446744073709551616 * tenth_from, pieces * 10))::bigint
         AS rid_lo,
       (-9223372036854775808 + div(18446744073709551616 * tenth_to, pieces * 10) - 1)::bigint
         AS rid_hi
  FROM cut
 WHERE NOT EXISTS (SELECT 1 FROM build_batch b
                    WHERE b.campaign_id = $1::int AND b.batch_no = cut.batch_no)
 ORDER BY batch_no;
