-- Gives back chunks this node never learnt that it had (the reply of the claim was lost): nothing
-- of them was sent. $1 node, $2 incarnation, $3 campaigns, $4 chunks, $5 epochs.
-- Returns those given back.
WITH f AS (
	UPDATE chunk c SET
		state = 0, epoch = c.epoch + 1, node_id = NULL, incarnation = NULL,
		open_map = c.open_map # c.open_map
	  FROM unnest($3::int[], $4::int[], $5::int[]) w(campaign_id, chunk_no, epoch)
	 WHERE c.campaign_id = w.campaign_id AND c.chunk_no = w.chunk_no AND c.epoch = w.epoch
	   AND c.state = 1 AND c.node_id = $1::int AND c.incarnation = $2::int
	RETURNING c.campaign_id, c.chunk_no, c.n - bit_count(c.done_map) AS people
), m AS (
	INSERT INTO moves_delta(campaign_id, state, n)
	SELECT campaign_id, move.state, sum(move.sign * people)
	  FROM f, (VALUES (2, -1), (1, 1)) move(state, sign)
	 GROUP BY 1, 2
)
SELECT campaign_id, chunk_no FROM f;
