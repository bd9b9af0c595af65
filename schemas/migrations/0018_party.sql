-- min_engine: 0.1.0
-- What was learnt of sending domains and campaigns at a provider outlives the process.

CREATE TABLE edm.party_state (
	node_id     int NOT NULL,
	target      text COLLATE "C" NOT NULL,
	domain      text COLLATE "C" NOT NULL,
	campaign_id int NOT NULL,
	learnt      jsonb NOT NULL,
	forgotten   int NOT NULL DEFAULT 0,
	saved_at    timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (node_id, target, domain, campaign_id)
) WITH (fillfactor = 50);
COMMENT ON TABLE edm.party_state IS
	'What a node has learnt of a party: a sending domain (campaign_id 0) or a campaign (domain '
	'empty) at a provider or site that limits it over all sources. Saved while a limit holds; '
	'forgotten: how often operators had it forget, as in lane_state. Written by ip-pool/store.';
CREATE TRIGGER count_change AFTER UPDATE OF forgotten
	ON edm.party_state FOR EACH STATEMENT EXECUTE FUNCTION edm.count_change('limits');
