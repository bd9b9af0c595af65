-- min_engine: 0.1.0
-- Limits that hold over all nodes together (of a campaign, of a provider over all sources, of a
-- sending domain): each node has a whole-number share, asked for once a second.
--
-- A share first shrinks; its node says how much it still counts; only what is free by that may let
-- another grow. So what the nodes count never passes n in sum, in a window of any length: a node
-- counts a message from its MAIL until a period after its last reply, and a connection while it is
-- open. Nodes use their shares only while their lease holds.

CREATE TABLE edm.limit_share (
	scope       text COLLATE "C" NOT NULL,
	meter       smallint NOT NULL,
	node_id     int NOT NULL,
	incarnation int NOT NULL,
	grace_ms    bigint NOT NULL,
	rule        int NOT NULL,
	n           bigint NOT NULL,
	wanted      bigint NOT NULL,
	held        bigint NOT NULL,
	part        bigint NOT NULL,
	version     int NOT NULL,
	PRIMARY KEY (scope, meter, node_id, incarnation)
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0,
	autovacuum_vacuum_threshold = 1000);
COMMENT ON TABLE edm.limit_share IS
	'What each node has of a limit over all nodes. scope: level and names; meter: what is '
	'counted (ip-pool/limit.h; 0 = connections). n: the limit, of that rule. wanted: what '
	'the node could use. part: what it was last given, under version. held: what it may '
	'count now, the larger of part and what it said it counts; their sum never grows past n. '
	'grace_ms: how long after its end a lost process still counts (a period, or for '
	'connections until the peer gives up). Written by ip-pool/store.';

CREATE TABLE edm.limit_holder (
	node_id     int PRIMARY KEY,
	incarnation int NOT NULL,
	known_rule  int NOT NULL
);
COMMENT ON TABLE edm.limit_holder IS
	'The newest limit rule under which each node has said all that it counts: a limit is '
	'not dealt before everybody who is alive goes by it. Written by ip-pool/store.';

CREATE VIEW edm.limit_share_life AS
SELECT s.*, CASE
	WHEN x.incarnation = s.incarnation THEN x.lease_until
	WHEN x.incarnation = s.incarnation + 1 AND x.reaped_at IS NOT NULL THEN x.reaped_at
	ELSE x.registered_at END AS ended
  FROM edm.limit_share s JOIN edm.node x USING (node_id);
COMMENT ON VIEW edm.limit_share_life IS
	'limit_share with the time at which its process lost the right to use it, in the future '
	'while it is alive: the end of its lease, or when that was known to be over.';

CREATE FUNCTION edm.limit_share_forget(me int, mine int, at timestamptz) RETURNS void
	LANGUAGE sql AS $$
	DELETE FROM edm.limit_share s USING edm.limit_share_life l
	 WHERE (l.scope, l.meter, l.node_id, l.incarnation)
	       = (s.scope, s.meter, s.node_id, s.incarnation)
	   AND l.ended + l.grace_ms * interval '1 ms' <= at;
	-- Who registers again says what it has open; what it sent before stays, unless it tells of
	-- that, too: hours and days it remembers, of a minute the old process may have used it all.
	DELETE FROM edm.limit_share old
	 WHERE old.node_id = me AND old.incarnation < mine
	   AND (old.meter = 0 OR old.grace_ms > 60000 AND EXISTS (
		SELECT 1 FROM edm.limit_share new
		 WHERE (new.scope, new.meter, new.node_id, new.incarnation)
		       = (old.scope, old.meter, me, mine)));
$$;
COMMENT ON FUNCTION edm.limit_share_forget IS
	'Takes away what does not count any more at that time: of the dead after their grace, '
	'of the earlier processes of node me, which now runs as incarnation mine.';

CREATE FUNCTION edm.limit_share_target(a edm.limit_share, at timestamptz, OUT target bigint,
	OUT room bigint) LANGUAGE sql STABLE AS $$
	WITH everyone AS (
		SELECT node_id, wanted, held, ended > at AS is_alive
		  FROM edm.limit_share_life WHERE scope = a.scope AND meter = a.meter
	), pool AS (
		SELECT greatest(0, a.n - coalesce(sum(held) FILTER (WHERE NOT is_alive), 0)) AS n,
		       a.n - sum(held) AS room
		  FROM everyone
	), wanting AS (
		SELECT node_id, wanted, count(*) OVER () AS many,
		       row_number() OVER w AS turn, sum(wanted) OVER w - wanted AS before
		  FROM everyone WHERE is_alive AND wanted > 0
		WINDOW w AS (ORDER BY wanted, node_id)
	), level AS (
		-- The highest with sum(least(wanted, level)) <= pool.
		SELECT coalesce(max(greatest(0, div(pool.n - before, many - turn + 1))), 0) AS n
		  FROM wanting, pool
	), rest AS (
		SELECT pool.n - coalesce(sum(least(wanted, level.n)), 0) AS n,
		       count(*) FILTER (WHERE wanted > level.n) AS short, count(*) AS many
		  FROM wanting, level, pool GROUP BY pool.n
	), more AS (
		SELECT node_id, least(wanted, level.n) AS part, CASE
			-- What does not divide goes round, a minute each.
			WHEN wanted > level.n
			THEN ((row_number() OVER (PARTITION BY wanted > level.n ORDER BY node_id)
			       + (extract(epoch FROM at) / 60)::bigint) % rest.short < rest.n
			     )::int
			-- Nobody is short: room to grow into. One node of many does not lock
			-- up the rest of a day, which would count as spent if it died.
			WHEN a.meter = 0 OR a.grace_ms <= 60000
			     OR 1 = (SELECT count(*) FROM edm.node WHERE lease_until > at)
			THEN div(rest.n, rest.many)
			ELSE 0 END AS more
		  FROM wanting, level, rest
	)
	SELECT coalesce((SELECT part + more FROM more WHERE node_id = a.node_id), 0)::bigint,
	       (SELECT room FROM pool)::bigint
$$;
COMMENT ON FUNCTION edm.limit_share_target IS
	'The part that would be fair for the holder of this row at that time (equal parts to all '
	'who want; what one does not want goes to the others), and what nobody holds.';

CREATE FUNCTION edm.limit_share_ask(me int, mine int, known int, leaving bool,
	asked edm.limit_share[], simulated timestamptz DEFAULT NULL)
	RETURNS SETOF edm.limit_share LANGUAGE plpgsql AS $$
DECLARE
	at timestamptz;
	a edm.limit_share;
	fair record;
BEGIN
	PERFORM pg_advisory_xact_lock(hashtext('edm.limit_share'));
	at := coalesce(simulated, clock_timestamp());
	IF NOT EXISTS (SELECT 1 FROM edm.node WHERE node_id = me AND incarnation = mine
	                  AND lease_until > at) THEN
		RETURN;
	END IF;
	INSERT INTO edm.limit_holder AS h VALUES (me, mine, known)
	ON CONFLICT (node_id) DO UPDATE SET incarnation = mine, known_rule = known
	 WHERE (h.incarnation, h.known_rule) IS DISTINCT FROM (mine, known);
	DELETE FROM edm.limit_share s
	 WHERE node_id = me AND incarnation = mine
	   AND NOT EXISTS (SELECT 1 FROM unnest(asked) x
	                    WHERE x.scope = s.scope AND x.meter = s.meter);
	-- A confirmation names the version it goes by: until then the node may fill what it had.
	INSERT INTO edm.limit_share AS s
	SELECT scope, meter, me, mine, grace_ms, rule, n, wanted, held, 0, version + 1
	  FROM unnest(asked)
	ON CONFLICT (scope, meter, node_id, incarnation) DO UPDATE SET
		rule = excluded.rule, n = excluded.n, wanted = excluded.wanted,
		held = greatest(excluded.held, CASE
			WHEN leaving THEN 0
			WHEN s.version = excluded.version - 1 THEN s.part ELSE s.held END),
		part = CASE WHEN leaving THEN 0 ELSE s.part END;
	PERFORM edm.limit_share_forget(me, mine, at);
	FOR a IN SELECT * FROM edm.limit_share
	          WHERE node_id = me AND incarnation = mine AND NOT leaving LOOP
		fair := edm.limit_share_target(a, at);
		IF EXISTS (SELECT 1 FROM edm.node x LEFT JOIN edm.limit_holder h
		               USING (node_id, incarnation)
		            WHERE x.lease_until > at AND coalesce(h.known_rule, 0) < a.rule) THEN
			fair.target := least(fair.target, a.part);
		END IF;
		-- Within held it may grow only if that is its own: one that was away says what
		-- it held before, and others may have that now.
		fair.target := least(fair.target, greatest(a.part, a.held + fair.room));
		UPDATE edm.limit_share SET part = fair.target, held = greatest(held, fair.target),
		       version = version + 1
		 WHERE (scope, meter, node_id, incarnation) = (a.scope, a.meter, me, mine)
		   AND part <> fair.target;
	END LOOP;
	RETURN QUERY SELECT * FROM edm.limit_share WHERE node_id = me AND incarnation = mine;
END $$;
COMMENT ON FUNCTION edm.limit_share_ask IS
	'Node me, as incarnation mine, says what it counts and wants of every limit over all nodes '
	'(node_id, incarnation and part of asked are not looked at; version is that of the part it '
	'goes by) and takes its parts. known: the newest rule it goes by. leaving: it stops and '
	'wants nothing more. No row: its lease is over. simulated: the time, for tests.';
