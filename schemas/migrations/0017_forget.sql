-- min_engine: 0.1.0
-- What a lane has learnt may be forgotten by hand, and what a profile allowed is known for a day.

ALTER TABLE edm.lane_state ADD COLUMN forgotten int NOT NULL DEFAULT 0;
COMMENT ON TABLE edm.lane_state IS
	'What a lane (source × provider, or × site) has learnt and its place on its warm-up '
	'curve, saved now and then so that a restart does not start at nothing. warmup_held, '
	'warmup_advanced (steps forward, counted) and forgotten (how often it was told to forget '
	'what it learnt; learnt counts those it has heard of) are the operators''. Written by ip-'
	'pool/store.';
DROP TRIGGER count_change ON edm.lane_state;
-- What lanes have learnt is the nodes' own.
CREATE TRIGGER count_change AFTER UPDATE OF warmup_held, warmup_advanced, forgotten
	ON edm.lane_state FOR EACH STATEMENT EXECUTE FUNCTION edm.count_change('limits');

CREATE TABLE edm.provider_past (
	name        text COLLATE "C" NOT NULL,
	until       timestamptz NOT NULL DEFAULT now(),
	connections int,
	PRIMARY KEY (name, until)
);
COMMENT ON TABLE edm.provider_past IS
	'Connections that providers'' profiles allowed until operators changed them (NULL: any '
	'number): what a process may have had open when it was killed goes by the profile of '
	'then. Kept 26 h. Written by ip-pool/store.';
