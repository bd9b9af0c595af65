-- Whom outcomes of a stretch suppress now, each once. $1 from, $2 before (wall time), $3 from,
-- $4 before (blocks of the day's partition). Kinds that suppress: $5 template, $6 stage, $7 code,
-- $8 enhanced, $9 provider, and what they are: $10 class, $11 cause, $12 scope, $13 state,
-- $14 rule.
WITH kind AS MATERIALIZED (
	SELECT * FROM unnest($5::bigint[], $6::smallint[], $7::smallint[], $8::int[], $9::text[],
	                     $10::smallint[], $11::smallint[], $12::smallint[], $13::smallint[],
	                     $14::text[])
	         k(template, stage, code, enhanced, provider, class, cause, scope, state, rule)
)
SELECT DISTINCT o.rid
  FROM outcome o
  JOIN kind USING (template, stage, code, enhanced, provider, class, cause, scope, state, rule)
 WHERE o.at >= $1::timestamptz AND o.at < $2::timestamptz AND o.words = 1
   AND o.ctid >= ('(' || $3::bigint || ',0)')::tid
   AND o.ctid < ('(' || $4::bigint || ',0)')::tid;
