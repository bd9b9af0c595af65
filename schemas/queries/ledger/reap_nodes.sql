-- Takes the incarnation away from nodes whose lease has run out. Only a node that has itself been
-- heartbeating without a gap for a whole lease may do so: after an outage everybody first gets time
-- to come back. One that had stopped in order (ledger/leave) ended then, and not only now: that
-- tells it from one that died. $1 own node, $2 own incarnation, $3 lease in ms.
WITH dead AS MATERIALIZED (
	SELECT x.node_id FROM node x
	 WHERE x.lease_until < now() AND x.lease_until > '-infinity'
	   AND EXISTS (SELECT 1 FROM node me
	                WHERE me.node_id = $1::int AND me.incarnation = $2::int
	                  AND me.lease_until > now()
	                  AND me.alive_since <= now() - $3::bigint * interval '1 ms')
	   FOR UPDATE
)
UPDATE node x
   SET incarnation = x.incarnation + 1, lease_until = '-infinity',
       reaped_at = CASE WHEN x.lease_until = x.beat_at THEN x.beat_at ELSE now() END
  FROM dead WHERE x.node_id = dead.node_id
RETURNING x.node_id, x.name;
