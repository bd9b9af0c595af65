-- An orderly stop: the lease ends now, so that another may take the name at once.
-- $1 node, $2 incarnation.
UPDATE node SET lease_until = now() WHERE node_id = $1::int AND incarnation = $2::int;
