-- What is needed only to send: chunks of campaigns that ended long ago. $1 days kept, $2 chunks at
-- most. Returns how many.
WITH old AS MATERIALIZED (
	SELECT c.campaign_id, c.chunk_no
	  FROM campaign p JOIN chunk c USING (campaign_id)
	 WHERE p.state IN (5, 6) AND clock_is_steady()
	   AND NOT EXISTS (SELECT 1 FROM unknown u
	                    WHERE u.campaign_id = c.campaign_id AND u.chunk_no = c.chunk_no)
	   AND coalesce(p.finished_at, p.state_since) < now() - $1::int * interval '1 day'
	 LIMIT $2::int
), d AS (
	DELETE FROM chunk_data d USING old
	 WHERE d.campaign_id = old.campaign_id AND d.chunk_no = old.chunk_no
), c AS (
	DELETE FROM chunk c USING old
	 WHERE c.campaign_id = old.campaign_id AND c.chunk_no = old.chunk_no
)
SELECT count(*) FROM old;
