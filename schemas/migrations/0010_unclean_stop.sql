-- min_engine: 0.1.0
-- Each unclean end of a node counts against limits by the day, not the last one only.

CREATE TABLE edm.unclean_stop (
	node_id     int NOT NULL,
	incarnation int NOT NULL,
	alive_at    timestamptz NOT NULL,
	begun_at    timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (node_id, incarnation)
);
COMMENT ON TABLE edm.unclean_stop IS
	'Processes of a node that ended without saying so: each may have begun messages that '
	'nobody wrote down, at the latest at alive_at, all over soon after begun_at, when the '
	'next process (of that incarnation) took the name. Kept 25 h. Written by scheduler/ledger '
	'(member).';
