-- Renews the lease, expired or not, as long as nobody has taken the incarnation away; tells how
-- many chunks the database thinks this node holds. $1 node, $2 incarnation, $3 lease in ms.
-- No row: fenced.
WITH beat AS (
	UPDATE node SET
		alive_since = CASE WHEN lease_until < now() THEN now() ELSE alive_since END,
		beat_at = now(),
		lease_until = now() + $3::bigint * interval '1 ms'
	 WHERE node_id = $1::int AND incarnation = $2::int
	RETURNING state
)
SELECT beat.state, clock_timestamp() AS now,
       (SELECT count(*) FROM chunk
         WHERE state = 1 AND node_id = $1::int AND incarnation = $2::int) AS held
  FROM beat;
