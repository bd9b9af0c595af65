-- Chunks that wait for a node that is gone (reaped, removed), drained, or without a source that may
-- send, may go to any. Run again and again: one may be packed yet by who did not see it go.
UPDATE chunk c SET meant_for = NULL
  FROM node x
 WHERE x.node_id = c.meant_for AND c.state = 0
   AND (x.lease_until = '-infinity' OR x.state <> 1 OR NOT EXISTS (
	SELECT FROM source s
	 WHERE s.state = 1 AND (s.node_name IS NULL OR s.node_name = x.name)
	   AND NOT EXISTS (SELECT FROM pause z
	                    WHERE z.lifted_at IS NULL AND z.scope = 3 AND z.source_name = s.name
	                      AND (z.until IS NULL OR z.until > now()))));
