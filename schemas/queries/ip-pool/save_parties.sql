-- What a node's parties have learnt: $1 node id, $2 targets, $3 sending domains ('': a campaign),
-- $4 campaign ids (0: a domain), $5 learnt as JSON texts, one element a party. Those that nobody
-- has saved for a day, of whatever node, know nothing any more and go.
WITH told AS (
	SELECT t, d, c, l::jsonb AS l
	  FROM unnest($2::text[], $3::text[], $4::int[], $5::text[]) AS u(t, d, c, l)
), old AS (
	DELETE FROM party_state p
	 WHERE saved_at < now() - interval '1 day'
	   AND NOT EXISTS (SELECT FROM told
	                    WHERE (t, d, c) = (p.target, p.domain, p.campaign_id)
	                      AND p.node_id = $1)
)
INSERT INTO party_state (node_id, target, domain, campaign_id, learnt, forgotten)
SELECT $1, t, d, c, l, coalesce((l->>'forgotten')::int, 0)
  FROM told ORDER BY t COLLATE "C", d COLLATE "C", c
ON CONFLICT (node_id, target, domain, campaign_id) DO UPDATE
   SET learnt = excluded.learnt, saved_at = now();
