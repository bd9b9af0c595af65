-- The nodes that registered with a journal. $1 uuid.
SELECT node_id, incarnation FROM node WHERE journal = $1::uuid ORDER BY node_id;
