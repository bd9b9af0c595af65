-- Who is suppressed for a reply that does not suppress by the rules of today, and for which: in the
-- order of rid. $1 from, $2 before (wall time); such replies: $3 template, $4 stage, $5 code,
-- $6 enhanced, $7 provider.
WITH kind AS MATERIALIZED (
	SELECT DISTINCT * FROM unnest($3::bigint[], $4::smallint[], $5::smallint[], $6::int[],
	                              $7::text[]) k(template, stage, code, enhanced, provider)
)
SELECT s.rid, s.campaign_id, s.at
  FROM suppression s
  JOIN outcome o ON o.rid = s.rid AND o.campaign_id = s.campaign_id AND o.at = s.at
  JOIN kind USING (template, stage, code, enhanced, provider)
 WHERE s.cause = 1 AND s.scope = 0 AND s.at >= $1::timestamptz AND s.at < $2::timestamptz
   AND o.at >= $1::timestamptz AND o.at < $2::timestamptz AND o.words = 1
 ORDER BY s.rid;
