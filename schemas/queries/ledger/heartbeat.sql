-- Renews the lease, expired or not, as long as nobody has taken the incarnation away; tells what
-- the database thinks this node holds (how many chunks, and the sum that member_held_add makes),
-- and the oldest engine that may still run if that is a newer one.
-- $1 node, $2 incarnation, $3 lease in ms, $4 this engine ("0.1.0"). No row: fenced.
WITH beat AS (
	UPDATE node SET
		alive_since = CASE WHEN lease_until < now() THEN now() ELSE alive_since END,
		beat_at = now(),
		lease_until = now() + $3::bigint * interval '1 ms'
	 WHERE node_id = $1::int AND incarnation = $2::int
	RETURNING state
), mark AS (
	SELECT (campaign_id * 2654435761 + chunk_no * 40503::bigint + epoch) % 2147483647 AS root
	  FROM chunk WHERE state = 1 AND node_id = $1::int AND incarnation = $2::int
)
SELECT beat.state, clock_timestamp() AS now,
       (SELECT count(*) FROM mark) AS held,
       (SELECT coalesce(sum(root * root % 2147483647), 0)::bigint FROM mark) AS held_sum,
       (SELECT array_to_string(max(m.needed), '.')
          FROM (SELECT string_to_array(min_engine, '.')::int[] AS needed FROM migration) m
         WHERE m.needed > string_to_array($4::text, '.')::int[]) AS needed
  FROM beat;
