-- Frees the chunks of incarnations that are gone: who may have been sent to goes into doubt, the
-- rest is ready at once. A statement of its own after reap_nodes has committed: its snapshot must
-- see every claim that was let through before. Chunks go in order, as in every flush of one node,
-- and SKIP LOCKED leaves those in hand to the next run. $1 how long doubt lasts, in ms.
WITH gone AS MATERIALIZED (
	SELECT c.campaign_id, c.chunk_no, c.node_id, c.incarnation, c.epoch, c.content_version,
	       c.open_map & ~c.done_map AS fresh
	  FROM chunk c LEFT JOIN node x USING (node_id)
	 WHERE c.state = 1 AND x.incarnation IS DISTINCT FROM c.incarnation
	 ORDER BY c.campaign_id, c.chunk_no
	   FOR UPDATE OF c SKIP LOCKED
), freed AS (
	UPDATE chunk c SET
		done_map = c.done_map | gone.fresh, open_map = c.open_map # c.open_map,
		state = CASE WHEN bit_count(c.done_map | gone.fresh) = c.n THEN 2 ELSE 0 END,
		epoch = c.epoch + 1, node_id = NULL, incarnation = NULL, meant_for = NULL
	  FROM gone
	 WHERE (c.campaign_id, c.chunk_no) = (gone.campaign_id, gone.chunk_no)
	RETURNING c.campaign_id, c.chunk_no, c.n - bit_count(c.done_map) AS people
), d AS (
	INSERT INTO doubt(campaign_id, chunk_no, node_id, incarnation, epoch, content_version, map,
	                  unknown_map, until)
	SELECT campaign_id, chunk_no, node_id, incarnation, epoch, content_version, fresh,
	       fresh # fresh, now() + $1::bigint * interval '1 ms'
	  FROM gone WHERE bit_count(fresh) > 0
), m AS (
	INSERT INTO moves_delta(campaign_id, state, n)
	SELECT campaign_id, move.state, sum(move.sign * people)
	  FROM freed, (VALUES (2, -1), (1, 1)) move(state, sign)
	 GROUP BY 1, 2
)
SELECT gone.campaign_id, gone.chunk_no, gone.node_id, bit_count(gone.fresh)::int AS in_doubt
  FROM gone;
