-- How many addresses would be suppressed that are not, or only for what no longer suppresses.
-- $1 from, $2 before (wall time). Kinds that suppress: $3 template, $4 stage, $5 code, $6 enhanced,
-- $7 provider, and what they are: $8 class, $9 cause, $10 scope, $11 state, $12 rule. Replies that
-- do not suppress: $13 template, $14 stage, $15 code, $16 enhanced, $17 provider.
WITH kind AS MATERIALIZED (
	SELECT * FROM unnest($3::bigint[], $4::smallint[], $5::smallint[], $6::int[], $7::text[],
	                     $8::smallint[], $9::smallint[], $10::smallint[], $11::smallint[],
	                     $12::text[])
	         k(template, stage, code, enhanced, provider, class, cause, scope, state, rule)
), harmless AS MATERIALIZED (
	SELECT DISTINCT * FROM unnest($13::bigint[], $14::smallint[], $15::smallint[], $16::int[],
	                              $17::text[]) k(template, stage, code, enhanced, provider)
), refused AS MATERIALIZED (
	SELECT DISTINCT o.rid
	  FROM outcome o
	  JOIN kind USING (template, stage, code, enhanced, provider, class, cause, scope, state,
	                   rule)
	 WHERE o.at >= $1::timestamptz AND o.at < $2::timestamptz AND o.words = 1
)
SELECT count(*)
  FROM refused r LEFT JOIN suppression s ON s.rid = r.rid AND s.scope = 0 AND s.cause = 1
 WHERE s.rid IS NULL
    OR EXISTS (SELECT FROM outcome o JOIN harmless USING (template, stage, code, enhanced, provider)
                WHERE o.rid = s.rid AND o.campaign_id = s.campaign_id AND o.at = s.at
                  AND o.at >= $1::timestamptz AND o.at < $2::timestamptz AND o.words = 1);
