-- Leases ready chunks to a live node for (campaign, group, how many) rows, and opens the first
-- people of each: they may be sent to as soon as this is committed.
-- FOR KEY SHARE lets heartbeats pass, but neither the reaper nor a new registration: an incarnation
-- that is taken away never gets another chunk. Retry chunks have negative numbers and go first.
-- $1 node, $2 incarnation, $3 campaigns, $4 groups, $5 how many, $6 people to open in a chunk.
WITH me AS MATERIALIZED (
	SELECT node_id FROM node
	 WHERE node_id = $1::int AND incarnation = $2::int AND state = 1
	   AND lease_until > clock_timestamp()
	   FOR KEY SHARE
), wanted AS MATERIALIZED (
	SELECT w.campaign_id, w.group_name, w.n, c.content_version
	  FROM me, unnest($3::int[], $4::text[], $5::int[]) w(campaign_id, group_name, n)
	  JOIN campaign c USING (campaign_id)
	 WHERE c.state = 3
), free AS MATERIALIZED (
	SELECT k.campaign_id, k.chunk_no, w.content_version
	  FROM wanted w, LATERAL (
		SELECT c.campaign_id, c.chunk_no FROM chunk c
		 WHERE c.campaign_id = w.campaign_id AND c.group_name = w.group_name AND c.state = 0
		   AND (c.meant_for IS NULL OR c.meant_for = $1::int)
		 ORDER BY c.chunk_no LIMIT w.n
		   FOR UPDATE SKIP LOCKED) k
), f AS (
	UPDATE chunk c SET
		state = 1, epoch = c.epoch + 1, flush_seq = 0, node_id = $1::int,
		incarnation = $2::int, content_version = free.content_version, leased_at = now(),
		open_map = rpad(repeat('1', least($6::int, c.n)), c.n, '0')::varbit & ~c.done_map
	  FROM free
	 WHERE c.campaign_id = free.campaign_id AND c.chunk_no = free.chunk_no AND c.state = 0
	RETURNING c.campaign_id, c.chunk_no, c.group_name, c.epoch, c.n, c.content_version,
	          c.done_map, c.open_map
), m AS (
	INSERT INTO moves_delta(campaign_id, state, n)
	SELECT campaign_id, move.state, sum(move.sign * (n - bit_count(done_map)))
	  FROM f, (VALUES (1, -1), (2, 1)) move(state, sign)
	 GROUP BY 1, 2
)
SELECT campaign_id, chunk_no, group_name, epoch, n, content_version, done_map, open_map FROM f;
