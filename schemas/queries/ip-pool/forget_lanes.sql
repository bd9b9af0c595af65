-- Lanes forget what they have learnt. $1 source name (NULL: of every source), $2 provider or site
-- (NULL: every one), $3 actor, $4 because. A lane that both name need not be known. The event keeps
-- what was learnt; a node hears of it by the count. One row for each lane.
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
), noted AS (
	INSERT INTO event (actor, verb, object, because, detail)
	SELECT $3, 'limit forget', 'lane:' || lane.name || '/' || done.target, $4,
	       jsonb_build_object('learnt', done.learnt)
	  FROM done JOIN lane USING (source_id)
)
SELECT source_id, target, pg_notify('edm', 'identity')::text FROM done;
