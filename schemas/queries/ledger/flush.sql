-- Settles people in many chunks at once, atomically; see scheduler/ledger/flush.h.
--
-- A target is a lease (fenced on node, incarnation, epoch, flush_seq) or, when late, a doubt left
-- by a lease this node lost. What belongs to a target that is not accepted is ignored; the others
-- go through. A repeated flush finds flush_seq ahead and changes nothing.
--
-- targets      $2 incarnation, $3 campaign, $4 chunk, $5 epoch, $6 flush_seq expected,
--              $7 bits newly settled, $8 open map from now on, $9 release, $10 late; $1 is the node
-- settlements  $11 target (from 1), $12 fact (from 1), $13 position, $14 rid, $15 domain, $16 vars,
--              $17 at, $18 took_ms, $19 age_s
-- facts        what many settlements have in common, once: $20 attempt, $21 version, $22 state,
--              $23 class (0 = parked: no outcome), $24 cause, $25 scope, $26 words, $27 stage,
--              $28 code, $29 enhanced, $30 template, $31 source, $32 provider, $33 mx, $34 tls,
--              $35 rule, $36 suppress
-- retries      $37 target, $38 rid, $39 domain, $40 due_at, $41 attempt, $42 class, $43 cause,
--              $44 flags, $45 age_s, $46 version, $47 source, $48 prefer_until, $49 node,
--              $50 address, $51 attributes
-- templates    $52 hash, $53 text
-- usage        $54 bucket, $55 source, $56 sending domain, $57 campaign, $58 messages,
--              $59 connections, $60 target of the lane; $61 is the node's incarnation now
--
-- Returns the targets accepted: target, people left, chunk state (2 = done, of a doubt always 2).
WITH target AS MATERIALIZED (
	SELECT * FROM unnest($2::int[], $3::int[], $4::int[], $5::int[], $6::int[], $7::varbit[],
	                     $8::varbit[], $9::bool[], $10::bool[]) WITH ORDINALITY
	         w(incarnation, campaign_id, chunk_no, epoch, flush_seq, bits, open_map, release,
	           late, k)
), lease AS (
	UPDATE chunk c SET
		done_map = c.done_map | w.bits,
		open_map = CASE WHEN w.release THEN c.open_map # c.open_map
		                ELSE w.open_map & ~(c.done_map | w.bits) END,
		flush_seq = c.flush_seq + 1,
		epoch = c.epoch + w.release::int,
		state = CASE WHEN bit_count(c.done_map | w.bits) = c.n THEN 2
		             WHEN w.release THEN 0 ELSE 1 END,
		node_id = CASE WHEN w.release THEN NULL ELSE c.node_id END,
		incarnation = CASE WHEN w.release THEN NULL ELSE c.incarnation END
	  FROM target w
	 WHERE NOT w.late AND c.campaign_id = w.campaign_id AND c.chunk_no = w.chunk_no
	   AND c.state = 1 AND c.node_id = $1::int AND c.incarnation = w.incarnation
	   AND c.epoch = w.epoch AND c.flush_seq = w.flush_seq
	   AND bit_count(c.done_map & w.bits) = 0
	RETURNING w.k, c.campaign_id, c.chunk_no, c.state,
	          (c.n - bit_count(c.done_map))::int AS people
), old AS MATERIALIZED (
	SELECT w.k, w.bits, d.campaign_id, d.chunk_no, d.epoch, d.map
	  FROM target w JOIN doubt d USING (campaign_id, chunk_no, epoch)
	 WHERE w.late AND d.node_id = $1::int AND d.incarnation = w.incarnation
	   FOR UPDATE OF d
), late AS (
	UPDATE doubt d SET
		map = d.map & ~old.bits, unknown_map = d.unknown_map & ~old.bits,
		open = bit_count(d.map & ~old.bits) > 0
	  FROM old
	 WHERE (d.campaign_id, d.chunk_no, d.epoch) = (old.campaign_id, old.chunk_no, old.epoch)
	RETURNING old.k, d.campaign_id, d.chunk_no, bit_count(d.map)::int AS people
), said AS MATERIALIZED (
	SELECT * FROM unnest($11::smallint[], $12::smallint[], $13::smallint[], $14::bigint[],
	                     $15::int[], $16::text[], $17::timestamptz[], $18::int[], $19::int[])
	         u(k, fact, position, rid, domain_id, vars, at, took_ms, age_s)
), fact AS MATERIALIZED (
	SELECT * FROM unnest($20::smallint[], $21::int[], $22::smallint[], $23::smallint[],
	                     $24::smallint[], $25::smallint[], $26::smallint[], $27::smallint[],
	                     $28::smallint[], $29::int[], $30::bigint[], $31::int[], $32::text[],
	                     $33::text[], $34::smallint[], $35::text[], $36::bool[])
	         WITH ORDINALITY
	         u(attempt, content_version, state, class, cause, scope, words, stage, code,
	           enhanced, template, source_id, provider, mx, tls, rule, suppress, fact)
), was_unknown AS (
	DELETE FROM unknown x USING old, said
	 WHERE said.k = old.k AND get_bit(old.map, said.position) = 0
	   AND x.campaign_id = old.campaign_id AND x.rid = said.rid AND x.chunk_no = old.chunk_no
	RETURNING old.k, x.rid
), was_resent AS (
	DELETE FROM retry x USING old, said
	 WHERE said.k = old.k AND get_bit(old.map, said.position) = 0
	   AND x.campaign_id = old.campaign_id AND x.rid = said.rid AND x.flags & 1 <> 0
	RETURNING old.k, x.rid
), s AS MATERIALIZED (
	SELECT lease.campaign_id, lease.chunk_no, 2 AS was, said.* FROM said JOIN lease USING (k)
	UNION ALL
	SELECT old.campaign_id, old.chunk_no,
	       CASE WHEN get_bit(old.map, said.position) = 1 THEN 2 WHEN u.rid IS NOT NULL THEN 11
	            ELSE 3 END, said.*
	  FROM said JOIN old USING (k)
	  LEFT JOIN was_unknown u USING (k, rid) LEFT JOIN was_resent r USING (k, rid)
	 WHERE get_bit(old.map, said.position) = 1 OR u.rid IS NOT NULL OR r.rid IS NOT NULL
), o AS (
	INSERT INTO outcome(at, rid, campaign_id, chunk_no, domain_id, source_id, content_version,
	                    enhanced, took_ms, template, position, attempt, state, class, cause,
	                    scope, words, stage, code, tls, provider, mx, rule, vars)
	SELECT at, rid, campaign_id, chunk_no, domain_id, source_id, content_version, enhanced,
	       took_ms, template, position, attempt, state, class, cause, scope, words, stage,
	       code, tls, provider, mx, rule, vars
	  FROM s JOIN fact USING (fact) WHERE class <> 0
), counted AS MATERIALIZED (
	SELECT x.*, f.state, f.source_id, f.class, f.cause, f.provider
	  FROM (SELECT campaign_id, fact, was, date_bin('1 min', at, 'epoch') AS minute,
	               count(*) AS n
	          FROM s GROUP BY 1, 2, 3, 4) x
	  JOIN fact f USING (fact)
), a AS (
	INSERT INTO attempts_delta(campaign_id, minute, source_id, class, cause, n, provider)
	SELECT campaign_id, minute, source_id, class, cause, sum(n), provider
	  FROM counted WHERE class <> 0 GROUP BY 1, 2, 3, 4, 5, 7
), m AS (
	INSERT INTO moves_delta(campaign_id, state, n)
	SELECT campaign_id, state, sum(n)
	  FROM (SELECT campaign_id, state, n FROM counted
	        UNION ALL
	        SELECT campaign_id, was, -n FROM counted
	        UNION ALL
	        SELECT campaign_id, move.state, move.sign * people
	          FROM lease, (VALUES (2, -1), (1, 1)) move(state, sign) WHERE lease.state = 0) x
	 GROUP BY 1, 2 HAVING sum(n) <> 0
), w AS (
	INSERT INTO retry(campaign_id, rid, domain_id, due_at, attempt, class, cause, flags, age_s,
	                  content_version, source_id, prefer_until, node_id, address, attributes)
	SELECT s.campaign_id, u.rid, u.domain_id, u.due_at, u.attempt, u.class, u.cause, u.flags,
	       u.age_s, u.content_version, u.source_id, u.prefer_until, u.node_id, u.address,
	       u.attributes
	  FROM unnest($37::smallint[], $38::bigint[], $39::int[], $40::timestamptz[],
	              $41::smallint[], $42::smallint[], $43::smallint[], $44::smallint[],
	              $45::int[], $46::int[], $47::int[], $48::timestamptz[], $49::int[],
	              $50::text[], $51::text[])
	         u(k, rid, domain_id, due_at, attempt, class, cause, flags, age_s, content_version,
	           source_id, prefer_until, node_id, address, attributes)
	  JOIN s USING (k, rid)
), n AS (
	INSERT INTO unknown(campaign_id, rid, chunk_no, position, domain_id, attempt, age_s,
	                    content_version, at)
	SELECT campaign_id, rid, chunk_no, position, domain_id, attempt, age_s, content_version, at
	  FROM s JOIN fact USING (fact) WHERE state = 11
), p AS (
	INSERT INTO suppression_feed(rid, cause, folded, rule, campaign_id, at)
	SELECT rid, 1, false, rule, campaign_id, at FROM s JOIN fact USING (fact) WHERE suppress
), t AS (
	INSERT INTO reply_template(hash, template)
	SELECT * FROM unnest($52::bigint[], $53::text[])
	ON CONFLICT DO NOTHING
), g AS (
	INSERT INTO limit_usage(bucket, node_id, incarnation, source_id, sending_domain_id,
	                        campaign_id, messages, connections, target)
	SELECT bucket, $1::int, $61::int, source_id, sending_domain_id, campaign_id, messages,
	       connections, target
	  FROM unnest($54::timestamptz[], $55::int[], $56::int[], $57::int[], $58::int[],
	              $59::int[], $60::text[])
	         u(bucket, source_id, sending_domain_id, campaign_id, messages, connections, target)
)
SELECT k::int, people, state FROM lease
UNION ALL
SELECT k::int, people, 2 FROM late;
