-- An orderly stop: the lease ends now, so that another may take the name at once, and with the
-- last beat, which tells it from one that ran out.
-- $1 node, $2 incarnation.
UPDATE node SET lease_until = now(), beat_at = now()
 WHERE node_id = $1::int AND incarnation = $2::int;
