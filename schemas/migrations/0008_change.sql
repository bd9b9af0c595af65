-- min_engine: 0.1.0
-- How often each kind of thing that steers a running node was changed.

CREATE TABLE edm.change (
	kind    text COLLATE "C" PRIMARY KEY,
	version bigint NOT NULL DEFAULT 1
) WITH (fillfactor = 50);
COMMENT ON TABLE edm.change IS
	'How often each kind of thing that steers nodes was changed; a node loads what has another'
	' version than it has. Rows are counted up by triggers in the changing transaction, so '
	'that versions become visible in their order (event numbers do not). Written by triggers.';
INSERT INTO edm.change (kind)
VALUES ('limits'), ('routes'), ('rules'), ('domains'), ('settings');

CREATE FUNCTION edm.count_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	UPDATE edm.change SET version = version + 1 WHERE kind = TG_ARGV[0];
	RETURN NULL;
END $$;

CREATE TRIGGER count_change AFTER INSERT OR UPDATE OR DELETE ON edm.source
	FOR EACH STATEMENT EXECUTE FUNCTION edm.count_change('limits');
CREATE TRIGGER count_change AFTER INSERT OR UPDATE OR DELETE ON edm.limit_rule
	FOR EACH STATEMENT EXECUTE FUNCTION edm.count_change('limits');
CREATE TRIGGER count_change AFTER INSERT OR UPDATE OR DELETE ON edm.pause
	FOR EACH STATEMENT EXECUTE FUNCTION edm.count_change('limits');
-- What lanes have learnt is the nodes' own.
CREATE TRIGGER count_change AFTER UPDATE OF warmup_held, warmup_advanced ON edm.lane_state
	FOR EACH STATEMENT EXECUTE FUNCTION edm.count_change('limits');
CREATE TRIGGER count_change AFTER INSERT OR UPDATE OR DELETE ON edm.route
	FOR EACH STATEMENT EXECUTE FUNCTION edm.count_change('routes');
CREATE TRIGGER count_change AFTER INSERT OR UPDATE OR DELETE ON edm.provider
	FOR EACH STATEMENT EXECUTE FUNCTION edm.count_change('routes');
CREATE TRIGGER count_change AFTER INSERT OR UPDATE OR DELETE ON edm.reply_rule
	FOR EACH STATEMENT EXECUTE FUNCTION edm.count_change('rules');
CREATE TRIGGER count_change AFTER INSERT OR UPDATE OR DELETE ON edm.sending_domain
	FOR EACH STATEMENT EXECUTE FUNCTION edm.count_change('domains');
CREATE TRIGGER count_change AFTER INSERT OR UPDATE OR DELETE ON edm.dkim_key
	FOR EACH STATEMENT EXECUTE FUNCTION edm.count_change('domains');
CREATE TRIGGER count_change AFTER INSERT OR UPDATE OR DELETE ON edm.setting
	FOR EACH STATEMENT EXECUTE FUNCTION edm.count_change('settings');
