-- Chunks that wait for a node that is gone (reaped, removed) or drained may go to any. Run again
-- and again: one may be packed for it yet by who did not see it go.
UPDATE chunk c SET meant_for = NULL
  FROM node x
 WHERE x.node_id = c.meant_for AND c.state = 0
   AND (x.lease_until = '-infinity' OR x.state <> 1);
