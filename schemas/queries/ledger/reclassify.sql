-- Gives outcomes of a stretch another meaning, and moves the counters with them. $1 from, $2 before
-- (wall time), $3 from, $4 before (blocks of the day's partition). Kinds: $5 template, $6 stage,
-- $7 code, $8 enhanced, $9 provider; what it was: $10 class, $11 cause, $12 scope, $13 state; what
-- it becomes: $14 class, $15 cause, $16 scope, $17 state; $18 the rule it was by, $19 the rule it
-- is by, $20 suppress. Returns how many outcomes, and how many addresses it suppressed: each once,
-- whoever refused it how often.
WITH kind AS MATERIALIZED (
	SELECT * FROM unnest($5::bigint[], $6::smallint[], $7::smallint[], $8::int[], $9::text[],
	                     $10::smallint[], $11::smallint[], $12::smallint[], $13::smallint[],
	                     $14::smallint[], $15::smallint[], $16::smallint[], $17::smallint[],
	                     $18::text[], $19::text[], $20::bool[])
	         k(template, stage, code, enhanced, provider, was_class, was_cause, was_scope,
	           was_state, class, cause, scope, state, was_rule, rule, suppress)
), changed AS (
	UPDATE outcome o SET class = k.class, cause = k.cause, scope = k.scope, state = k.state,
	                     rule = k.rule
	  FROM kind k
	 WHERE o.at >= $1::timestamptz AND o.at < $2::timestamptz AND o.words = 1
	   AND o.ctid >= ('(' || $3::bigint || ',0)')::tid
	   AND o.ctid < ('(' || $4::bigint || ',0)')::tid
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
	   AND NOT EXISTS (SELECT FROM suppression_feed f
	                    WHERE f.rid = c.rid AND NOT f.folded AND f.scope = 0 AND f.cause = 1
	                      AND NOT f.lifted
	                      AND NOT EXISTS (SELECT FROM suppression_feed l
	                                       WHERE l.rid = f.rid AND NOT l.folded AND l.lifted
	                                         AND l.cause = 1 AND l.seq > f.seq))
	 ORDER BY rid, at
	RETURNING rid
)
SELECT (SELECT count(*) FROM changed), (SELECT count(*) FROM p);
