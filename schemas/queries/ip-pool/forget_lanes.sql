-- Lanes forget what they have learnt. $1 source name (NULL: of every source; then parties there
-- forget, too), $2 provider or site (NULL: every one), $3 actor, $4 because. A lane that both name
-- need not be known. The event keeps what was learnt; a node hears of it by the count. One row for
-- each lane and each party.
WITH lane AS (
	SELECT source_id, name FROM source WHERE state <> 3 AND ($1::text IS NULL OR name = $1)
), new AS (
	INSERT INTO lane_state (source_id, target, forgotten)
	SELECT source_id, $2::text, 1 FROM lane WHERE $1 IS NOT NULL AND $2::text IS NOT NULL
	ON CONFLICT (source_id, target) DO UPDATE SET forgotten = lane_state.forgotten + 1
	RETURNING source_id, target, learnt
), locked AS MATERIALIZED (
	SELECT s.source_id, s.target
	  FROM lane_state s JOIN lane USING (source_id)
	 WHERE ($1 IS NULL OR $2 IS NULL) AND ($2 IS NULL OR s.target = $2)
	 ORDER BY 1, 2 FOR UPDATE OF s
), known AS (
	UPDATE lane_state s SET forgotten = s.forgotten + 1
	  FROM locked k
	 WHERE s.source_id = k.source_id AND s.target = k.target
	RETURNING s.source_id, s.target, s.learnt
), done AS (
	SELECT * FROM new UNION ALL SELECT * FROM known
), locked_party AS MATERIALIZED (
	SELECT node_id, target, domain, campaign_id
	  FROM party_state
	 WHERE $1 IS NULL AND ($2 IS NULL OR target = $2)
	   AND saved_at > now() - interval '1 day'
	 ORDER BY 1, 2, 3, 4 FOR UPDATE
), party AS (
	UPDATE party_state p SET forgotten = p.forgotten + 1
	  FROM locked_party
	 WHERE (p.node_id, p.target, p.domain, p.campaign_id) =
	       (locked_party.node_id, locked_party.target, locked_party.domain,
	        locked_party.campaign_id)
	RETURNING p.target, p.domain, p.campaign_id, p.learnt
), noted_party AS (
	INSERT INTO event (actor, verb, object, because, detail)
	SELECT $3, 'limit forget', 'provider:' || target, $4,
	       jsonb_build_object('learnt', learnt, 'of', CASE domain
			WHEN '' THEN coalesce(campaign.name, '') ELSE domain END)
	  FROM party LEFT JOIN campaign USING (campaign_id)
), noted AS (
	INSERT INTO event (actor, verb, object, because, detail)
	SELECT $3, 'limit forget', 'lane:' || lane.name || '/' || done.target, $4,
	       jsonb_build_object('learnt', done.learnt)
	  FROM done JOIN lane USING (source_id)
)
SELECT target, pg_notify('edm', 'identity')::text
  FROM (SELECT target FROM done UNION ALL SELECT target FROM party) AS told;
