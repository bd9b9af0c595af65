-- min_engine: 0.1.0
-- The ledger: who is to get what, who has it in hand, what became of everybody. All tables here are
-- written by scheduler/ledger and by nobody else.
--
-- Recipient states (smallint "state"): 1 waiting, 2 leased, 3 deferred; final: 4 delivered,
-- 5 bounced, 6 rejected, 7 blocked, 8 expired, 9 suppressed, 10 cancelled, 11 unknown.
-- Where a recipient of a campaign is, exactly one of:
--   waiting   an unset bit of done_map in a chunk that is ready
--   leased    an unset bit in a chunk that is leased, or a bit of doubt.map
--   deferred  a row of retry
--   unknown   a row of unknown
--   final     an outcome row with that state and no later one; or an unset bit in a chunk that is
--             settled (cancelled, expired: chunk.settled_as)
-- Outcome classes, causes, scopes, words and stages are the numbers of engine/reply/outcome.h:
--   class 1 delivered 2 deferred 3 throttled 4 blocked 5 bounced 6 rejected 7 held 8 unknown
--         9 unreached 10 suppressed 11 expired 12 cancelled
--   words 1 remote 2 dns 3 tcp 4 tls 5 local
--   stage 0 local 1 dns 2 connect 3 banner 4 ehlo 5 starttls 6 auth 7 mail 8 rcpt 9 data 10 body
--         11 dot 12 rset 13 quit
--   scope 1 recipient 2 message 3 source 4 domain 5 site 6 campaign 7 host 8 session

-- ---------------------------------------------------------------------------- audience and build

CREATE TABLE edm.audience (
	campaign_id  int PRIMARY KEY REFERENCES edm.campaign,
	batch_size   int NOT NULL,
	total        bigint NOT NULL DEFAULT 0,
	complete     bool NOT NULL DEFAULT false,
	frozen_at    timestamptz NOT NULL DEFAULT now(),
	completed_at timestamptz
);
COMMENT ON TABLE edm.audience IS
	'A campaign whose audience is frozen: how it is cut into batches, and once complete, '
	'how many people are in it. Absent = not frozen yet. Written by ledger/build.';

CREATE TABLE edm.audience_domain (
	campaign_id int NOT NULL,
	domain_id   int NOT NULL,
	n           int NOT NULL,
	group_name  text COLLATE "C" NOT NULL,
	PRIMARY KEY (campaign_id, domain_id)
);
COMMENT ON TABLE edm.audience_domain IS
	'Frozen domain → group of a campaign, with the members expected. group_name: host:port '
	'of a route, else a provider, else the domain itself when it is big, else tail. Written'
	' by ledger/build.';

CREATE TABLE edm.audience_filter (
	campaign_id int NOT NULL,
	rid         bigint NOT NULL,
	PRIMARY KEY (campaign_id, rid)
);
COMMENT ON TABLE edm.audience_filter IS
	'For a campaign made --audience-of another: the people of the other one in the states '
	'asked for. Written by ledger/build (freeze).';

CREATE TABLE edm.build_batch (
	campaign_id int NOT NULL,
	batch_no    int NOT NULL,
	chunks      int NOT NULL,
	n           int NOT NULL,
	suppressed  int NOT NULL,
	built_at    timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (campaign_id, batch_no)
);
COMMENT ON TABLE edm.build_batch IS
	'Batches that are built: the resume point of a build. n counts everybody, suppressed '
	'included. Written by ledger/build (inserts only).';

-- ------------------------------------------------------------------------------------------ chunks

CREATE TABLE edm.chunk (
	campaign_id     int NOT NULL,
	chunk_no        int NOT NULL,
	n               smallint NOT NULL CHECK (n BETWEEN 1 AND 1000),
	state           smallint NOT NULL DEFAULT 0 CHECK (state BETWEEN 0 AND 3),
	settled_as      smallint,
	epoch           int NOT NULL DEFAULT 0,
	flush_seq       int NOT NULL DEFAULT 0,
	content_version int NOT NULL DEFAULT 0,
	node_id         int,
	incarnation     int,
	meant_for       int,
	first_domain    int NOT NULL,
	last_domain     int NOT NULL,
	first_rid       bigint NOT NULL,
	last_rid        bigint NOT NULL,
	leased_at       timestamptz,
	group_name      text COLLATE "C" NOT NULL,
	done_map        varbit NOT NULL,
	open_map        varbit NOT NULL,
	PRIMARY KEY (campaign_id, chunk_no),
	CHECK (length(done_map) = n AND length(open_map) = n)
) WITH (fillfactor = 40, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
	autovacuum_vacuum_cost_delay = 0);
ALTER TABLE edm.chunk ALTER done_map SET STORAGE PLAIN, ALTER open_map SET STORAGE PLAIN;
CREATE INDEX chunk_ready ON edm.chunk (campaign_id, group_name, chunk_no) WHERE state = 0;
CREATE INDEX chunk_leased ON edm.chunk (node_id, campaign_id, chunk_no) WHERE state = 1;
COMMENT ON TABLE edm.chunk IS
	'The truth of who is done. No index may hold a column that a flush changes (done_map, '
	'open_map, flush_seq), so that a flush is a HOT update. chunk_no: batch × 4096 + i from'
	' the build, negative from the packer (−2^31 and up). Written by ledger/build, claim, '
	'flush, recover, retry, settle.';
COMMENT ON COLUMN edm.chunk.state IS
	'0 ready, 1 leased, 2 done, 3 settled (settled_as holds for the unset bits)';
COMMENT ON COLUMN edm.chunk.epoch IS
	'fencing token: +1 with every claim, release and revocation';
COMMENT ON COLUMN edm.chunk.flush_seq IS
	'flushes seen under this epoch; a flush names the one it expects';
COMMENT ON COLUMN edm.chunk.content_version IS
	'what is made under the present lease';
COMMENT ON COLUMN edm.chunk.meant_for IS
	'node that should take it (it has the preferred source); NULL = any';
COMMENT ON COLUMN edm.chunk.done_map IS
	'bit i (get_bit) = position i is settled by the transaction that wrote its outcome or '
	'retry';
COMMENT ON COLUMN edm.chunk.open_map IS
	'bit i = the node may have sent to position i: committed before its MAIL';

CREATE TABLE edm.chunk_data (
	campaign_id int NOT NULL,
	chunk_no    int NOT NULL,
	rids        bigint[] NOT NULL,
	domains     int[] NOT NULL,
	addresses   text[] COLLATE "C" NOT NULL,
	attributes  text[] NOT NULL,
	attempts    smallint[],
	ages_s      int[],
	versions    int[],
	sources     int[],
	flags       smallint[],
	PRIMARY KEY (campaign_id, chunk_no)
);
ALTER TABLE edm.chunk_data ALTER rids SET COMPRESSION lz4, ALTER domains SET COMPRESSION lz4,
	ALTER addresses SET COMPRESSION lz4, ALTER attributes SET COMPRESSION lz4;
COMMENT ON TABLE edm.chunk_data IS
	'What stands in a chunk, by position, ordered by domain and rid; insert-only, deleted '
	'with the campaign''s retention. attributes: JSON text. The last five are NULL for a '
	'first try; else attempts made, seconds counted towards give-up, content version it is '
	'bound to (0 = newest), preferred source (0 = any), flags of retry. Written by '
	'ledger/build and retry.';

CREATE TABLE edm.retry (
	campaign_id     int NOT NULL,
	domain_id       int NOT NULL,
	rid             bigint NOT NULL,
	due_at          timestamptz NOT NULL,
	since           timestamptz NOT NULL DEFAULT now(),
	attempt         smallint NOT NULL,
	class           smallint NOT NULL,
	cause           smallint NOT NULL,
	flags           smallint NOT NULL DEFAULT 0,
	age_s           int NOT NULL DEFAULT 0,
	content_version int NOT NULL DEFAULT 0,
	source_id       int NOT NULL DEFAULT 0,
	prefer_until    timestamptz,
	node_id         int,
	address         text COLLATE "C" NOT NULL,
	attributes      text NOT NULL,
	PRIMARY KEY (campaign_id, rid)
) WITH (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX retry_due ON edm.retry (due_at);
COMMENT ON TABLE edm.retry IS
	'Who waits for another try, until when and why; inserted by a flush, deleted by the '
	'packer that puts them in a chunk. attempt: attempts made. class and cause: of what '
	'happened last, 0 = parked without a try. flags: 1 = resent after unknown. source_id: '
	'preferred until prefer_until; node_id: the node of that source. Written by '
	'ledger/flush, recover, retry.';

CREATE TABLE edm.doubt (
	campaign_id     int NOT NULL,
	chunk_no        int NOT NULL,
	node_id         int NOT NULL,
	incarnation     int NOT NULL,
	epoch           int NOT NULL,
	content_version int NOT NULL,
	map             varbit NOT NULL,
	unknown_map     varbit NOT NULL,
	open            bool NOT NULL DEFAULT true,
	made_at         timestamptz NOT NULL DEFAULT now(),
	until           timestamptz NOT NULL,
	PRIMARY KEY (campaign_id, chunk_no, epoch)
);
CREATE INDEX doubt_until ON edm.doubt (until) WHERE open;
CREATE INDEX doubt_node ON edm.doubt (node_id, incarnation);
COMMENT ON TABLE edm.doubt IS
	'People a lost node may have sent to. map: still in doubt (they count as leased); '
	'unknown_map: became unknown at until and may still be set right by a late journal. '
	'open = map has a bit. Kept 30 days. Written by ledger/recover.';

CREATE TABLE edm.unknown (
	campaign_id     int NOT NULL,
	rid             bigint NOT NULL,
	chunk_no        int NOT NULL,
	position        smallint NOT NULL,
	domain_id       int NOT NULL,
	attempt         smallint NOT NULL,
	age_s           int NOT NULL,
	content_version int NOT NULL,
	at              timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (campaign_id, rid)
);
COMMENT ON TABLE edm.unknown IS
	'Who is in state unknown now: the terminator may have been sent, its reply was not '
	'read. A row leaves when it is resent or a late journal tells. Written by ledger/flush,'
	' recover.';

-- ------------------------------------------------------------------------------------------
-- results

CREATE TABLE edm.outcome (
	at              timestamptz NOT NULL,
	rid             bigint NOT NULL,
	campaign_id     int NOT NULL,
	chunk_no        int NOT NULL,
	domain_id       int NOT NULL,
	source_id       int NOT NULL,
	content_version int NOT NULL,
	enhanced        int NOT NULL,
	took_ms         int NOT NULL,
	template        bigint NOT NULL,
	position        smallint NOT NULL,
	attempt         smallint NOT NULL,
	state           smallint NOT NULL,
	class           smallint NOT NULL,
	cause           smallint NOT NULL,
	scope           smallint NOT NULL,
	words           smallint NOT NULL,
	stage           smallint NOT NULL,
	code            smallint NOT NULL,
	tls             smallint NOT NULL,
	provider        text COLLATE "C" NOT NULL,
	mx              text COLLATE "C" NOT NULL,
	rule            text COLLATE "C" NOT NULL,
	vars            text COLLATE "C" NOT NULL
) PARTITION BY RANGE (at);
CREATE INDEX outcome_chunk ON edm.outcome USING brin (campaign_id, chunk_no)
	WITH (pages_per_range = 32);
COMMENT ON TABLE edm.outcome IS
	'Every attempt and every decision: append-only, one partition a day (UTC). state: the '
	'recipient''s state after it. attempt: 1 = the first; 0 = decided without one. position'
	' −1: settled at the freeze. enhanced: class × 1,000,000 + subject × 1,000 + detail. '
	'template and vars: the reply, see reply_template. tls: 0 plain, 12 or 13 the version. '
	'took_ms: permit to final reply. provider: empty = of the tail. Written by '
	'ledger/build, flush, recover, settle.';

CREATE FUNCTION edm.outcome_partition_add(day date) RETURNS bool LANGUAGE plpgsql
	SET lock_timeout = '500ms' SET timezone = 'UTC' AS $$
DECLARE
	part text := 'outcome_' || to_char(day, 'YYYYMMDD');
BEGIN
	IF to_regclass('edm.' || part) IS NOT NULL THEN
		RETURN false;
	END IF;
	EXECUTE format('CREATE TABLE edm.%I (LIKE edm.outcome INCLUDING DEFAULTS '
		'INCLUDING CONSTRAINTS)', part);
	EXECUTE format('ALTER TABLE edm.outcome ATTACH PARTITION edm.%I '
		'FOR VALUES FROM (%L) TO (%L)', part, day::timestamp, (day + 1)::timestamp);
	RETURN true;
END $$;
COMMENT ON FUNCTION edm.outcome_partition_add IS
	'Adds the partition of a day (UTC) by CREATE and ATTACH, which does not stop inserts; '
	'false if it stands.';
CREATE FUNCTION edm.outcome_partition_close(day date) RETURNS bool LANGUAGE plpgsql
	SET lock_timeout = '500ms' AS $$
BEGIN
	EXECUTE format('CREATE INDEX %I ON edm.%I (rid)',
		'outcome_' || to_char(day, 'YYYYMMDD') || '_rid',
		'outcome_' || to_char(day, 'YYYYMMDD'));
	RETURN true;
END $$;
COMMENT ON FUNCTION edm.outcome_partition_close IS
	'Adds the index by rid to the partition of a day that is over.';

CREATE FUNCTION edm.outcome_partition_drop(part text) RETURNS bool LANGUAGE plpgsql
	SET lock_timeout = '500ms' AS $$
BEGIN
	EXECUTE format('ALTER TABLE edm.outcome DETACH PARTITION edm.%I', part);
	EXECUTE format('DROP TABLE edm.%I', part);
	RETURN true;
END $$;
COMMENT ON FUNCTION edm.outcome_partition_drop IS
	'Drops the partition called part with all it holds.';

SELECT edm.outcome_partition_add((now() AT TIME ZONE 'UTC')::date + i)
  FROM generate_series(-1, 7) i;

CREATE TABLE edm.reply_template (
	hash       bigint PRIMARY KEY,
	template   text NOT NULL,
	first_seen timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE edm.reply_template IS
	'Replies with what varies cut out (engine/reply/normalise); outcome.vars holds the '
	'parts. Hash 0 = no reply. Written by ledger/flush.';

CREATE TABLE edm.moves_delta (
	campaign_id int NOT NULL,
	state       smallint NOT NULL,
	n           bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
	autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE edm.moves_delta IS
	'Signed changes of the number of recipients in a state, appended by the statement that '
	'makes them; their sum with moves is the present. Written by every part of the ledger.';

CREATE TABLE edm.moves (
	campaign_id int NOT NULL,
	state       smallint NOT NULL,
	n           bigint NOT NULL,
	PRIMARY KEY (campaign_id, state)
) WITH (fillfactor = 50);
COMMENT ON TABLE edm.moves IS
	'Recipients of a campaign by state, as of the last roll-up: add moves_delta in the same'
	' statement. Written by ledger/stats.';

CREATE TABLE edm.attempts_delta (
	campaign_id int NOT NULL,
	minute      timestamptz NOT NULL,
	source_id   int NOT NULL,
	class       smallint NOT NULL,
	cause       smallint NOT NULL,
	n           int NOT NULL,
	provider    text COLLATE "C" NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
	autovacuum_vacuum_cost_delay = 0);
COMMENT ON TABLE edm.attempts_delta IS
	'Attempts counted by the flush that wrote their outcomes, not yet rolled up. Written by'
	' ledger/flush, recover, build.';

CREATE TABLE edm.attempts (
	campaign_id int NOT NULL,
	minute      timestamptz NOT NULL,
	provider    text COLLATE "C" NOT NULL,
	source_id   int NOT NULL,
	class       smallint NOT NULL,
	cause       smallint NOT NULL,
	n           bigint NOT NULL,
	PRIMARY KEY (campaign_id, minute, provider, source_id, class, cause)
) WITH (fillfactor = 80);
COMMENT ON TABLE edm.attempts IS
	'Outcomes by minute, provider, source, class and cause, as of the last roll-up: add '
	'attempts_delta in the same statement. Written by ledger/stats.';

CREATE TABLE edm.limit_usage (
	bucket            timestamptz NOT NULL,
	node_id           int NOT NULL,
	incarnation       int NOT NULL,
	source_id         int NOT NULL,
	sending_domain_id int NOT NULL,
	campaign_id       int NOT NULL,
	messages          int NOT NULL,
	connections       int NOT NULL,
	target            text COLLATE "C" NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
	autovacuum_vacuum_cost_delay = 0);
CREATE INDEX limit_usage_bucket ON edm.limit_usage USING brin (bucket) WITH (pages_per_range = 8);
COMMENT ON TABLE edm.limit_usage IS
	'What limits count, per minute and (source, provider or site, sending domain, '
	'campaign): running totals of one node and incarnation in that minute, so that the '
	'greatest row of a key holds and a flush that came twice changes nothing. Kept 25 h, '
	'folded by upkeep. Written by ledger/flush, upkeep.';
