-- Gives outcomes another meaning, and moves the counters with them. $1 from, $2 before (wall time).
-- Kinds: $3 template, $4 stage, $5 code, $6 enhanced, $7 provider; what it was: $8 class, $9 cause,
-- $10 scope, $11 state; what it becomes: $12 class, $13 cause, $14 scope, $15 state; $16 the rule
-- it was by, $17 the rule it is by, $18 suppress. Returns how many outcomes, and how many addresses
-- it suppressed: each once, whoever refused it how often.
WITH kind AS MATERIALIZED (
	SELECT * FROM unnest($3::bigint[], $4::smallint[], $5::smallint[], $6::int[], $7::text[],
	                     $8::smallint[], $9::smallint[], $10::smallint[], $11::smallint[],
	                     $12::smallint[], $13::smallint[], $14::smallint[], $15::smallint[],
	                     $16::text[], $17::text[], $18::bool[])
	         k(template, stage, code, enhanced, provider, was_class, was_cause, was_scope,
	           was_state, class, cause, scope, state, was_rule, rule, suppress)
), changed AS (
	UPDATE outcome o SET class = k.class, cause = k.cause, scope = k.scope, state = k.state,
	                     rule = k.rule
	  FROM kind k
	 WHERE o.at >= $1::timestamptz AND o.at < $2::timestamptz AND o.words = 1
	   AND o.template = k.template AND o.stage = k.stage AND o.code = k.code
	   AND o.enhanced = k.enhanced AND o.provider = k.provider AND o.class = k.was_class
	   AND o.cause = k.was_cause AND o.scope = k.was_scope AND o.state = k.was_state
	   AND o.rule = k.was_rule
	RETURNING o.at, o.rid, o.campaign_id, o.source_id, o.provider, o.rule, k.was_class,
	          k.was_cause, k.was_state, k.class, k.cause, k.state, k.suppress
), a AS (
	INSERT INTO attempts_delta(campaign_id, minute, source_id, class, cause, n, provider)
	SELECT campaign_id, date_bin('1 min', at, 'epoch'), source_id, x.class, x.cause,
	       sum(x.sign), provider
	  FROM changed c, LATERAL (VALUES (c.was_class, c.was_cause, -1), (c.class, c.cause, 1))
	                          x(class, cause, sign)
	 GROUP BY 1, 2, 3, 4, 5, 7 HAVING sum(x.sign) <> 0
), m AS (
	INSERT INTO moves_delta(campaign_id, state, n)
	SELECT campaign_id, x.state, sum(x.sign)
	  FROM changed c, LATERAL (VALUES (c.was_state, -1), (c.state, 1)) x(state, sign)
	 GROUP BY 1, 2 HAVING sum(x.sign) <> 0
), p AS (
	INSERT INTO suppression_feed(rid, cause, folded, rule, campaign_id, at)
	SELECT DISTINCT ON (rid) rid, 1, false, rule, campaign_id, at FROM changed c
	 WHERE suppress
	   AND NOT EXISTS (SELECT FROM suppression s
	                    WHERE s.rid = c.rid AND s.scope = 0 AND s.cause = 1)
	 ORDER BY rid, at
	RETURNING rid
)
SELECT (SELECT count(*) FROM changed), (SELECT count(*) FROM p);
