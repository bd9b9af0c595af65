/* SPDX-License-Identifier: MIT */
/* ip-pool/store against a real server: every verb, what it leaves, what it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "ip-pool/store/lane_store.h"
#include "ip-pool/store/limit_store.h"
#include "ip-pool/store/pause_store.h"
#include "ip-pool/store/route_store.h"
#include "ip-pool/store/snapshot.h"
#include "ip-pool/store/source_store.h"
#include "tests/support/private_pg.h"

#define NOW INT64_C(50000000)

static const struct change by_test = {STR_INIT("tester@here"), STR_INIT("a test")};

struct fixture {
	struct private_pg *server;
	struct pg_blocking *conn;
	const char *url;
	/* of the asynchronous load */
	struct ip_pool_snapshot *snapshot;
	struct loop *loop;
	bool is_answered;
};

static int start_server(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	f->server = private_pg_start();
	*state = f;
	return 0;
}

static int stop_server(void **state)
{
	struct fixture *f = *state;
	private_pg_stop(f->server);
	free(f);
	return 0;
}

static int open_database(void **state)
{
	struct fixture *f = *state;
	struct err err;
	f->url = private_pg_database(f->server, true);
	f->conn = pg_open_blocking(f->url, "test", &err);
	assert_non_null(f->conn);
	return 0;
}

static int close_database(void **state)
{
	struct fixture *f = *state;
	pg_close_blocking(f->conn);
	return 0;
}

static struct ip_pool_snapshot *load(struct fixture *f)
{
	struct ip_pool_snapshot *s = NULL;
	struct err err;
	if (ip_pool_load(f->conn, NOW, &s, &err) != 0)
		fail_msg("%s", err.text);
	return s;
}

static int64_t ask(struct fixture *f, const char *sql)
{
	struct pg_rows *rows = NULL;
	struct err err;
	if (pg_query(f->conn, sql, NULL, &rows, &err) != 0)
		fail_msg("%s", err.text);
	int64_t n = pg_int(rows, 0, 0);
	pg_rows_free(rows);
	return n;
}

/* A fallible call that must work. */
#define WORKS(call)                                                                                \
	do {                                                                                       \
		if ((call) < 0)                                                                    \
			fail_msg("%s", err.text);                                                  \
	} while (0)

static struct source mx1(void)
{
	return (struct source){
		.name = STR("mx1"), .address = STR("127.0.0.11"), .ehlo = STR("mx1.example.com")};
}

static uint32_t add_mx1(struct fixture *f)
{
	struct source s = mx1();
	struct err err;
	uint32_t id = 0;
	WORKS(source_store_add(f->conn, &s, &by_test, &id, &err));
	return id;
}

static void sources_are_added_and_move(void **state)
{
	struct fixture *f = *state;
	struct err err;
	uint32_t id = add_mx1(f), other;
	struct ip_pool_snapshot *s = load(f);
	const struct source *found = ip_pool_source(s, STR("mx1"));
	assert_int_equal(s->source_count, 1);
	assert_true(found == ip_pool_source_by_id(s, id));
	assert_true(str_equals(found->public_address, STR("127.0.0.11")));
	assert_true(str_equals(found->pool, STR("default")));
	assert_int_equal(found->weight, 1);
	assert_true(source_is_usable(found, STR("n1")));
	ip_pool_snapshot_drop(s);

	struct source twin = mx1();
	assert_int_equal(source_store_add(f->conn, &twin, &by_test, &other, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	twin.address = STR("127.0.0.12");
	assert_int_equal(source_store_add(f->conn, &twin, &by_test, &other, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	twin.name = STR("MX 2");
	assert_int_equal(source_store_add(f->conn, &twin, &by_test, &other, &err), -1);
	assert_int_equal(err.kind, ERR_USAGE);

	WORKS(source_store_move(f->conn, STR("mx1"), SOURCE_DRAINING, &by_test, &err));
	assert_int_equal(source_store_move(f->conn, STR("mx1"), SOURCE_DRAINING, &by_test, &err),
			 -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	WORKS(source_store_move(f->conn, STR("mx1"), SOURCE_REMOVED, &by_test, &err));
	assert_int_equal(source_store_move(f->conn, STR("mx1"), SOURCE_ACTIVE, &by_test, &err), -1);
	assert_int_equal(err.kind, ERR_NOT_FOUND);
	/* Its name and its address are free again. */
	assert_true(add_mx1(f) != id);
	assert_int_equal(ask(f, "SELECT count(*) FROM edm.event WHERE actor = 'tester@here'"), 4);
}

static void sources_are_changed(void **state)
{
	struct fixture *f = *state;
	struct err err;
	struct warmup_plan plan;
	WORKS(warmup_plan_parse(STR("50,100,200"), &plan, &err));
	(void)add_mx1(f);
	struct source_change wanted = {.pool = STR("bulk"), .weight = 3, .plan = &plan};
	WORKS(source_store_set(f->conn, STR("mx1"), &wanted, &by_test, &err));
	assert_int_equal(source_store_set(f->conn, STR("mx9"), &wanted, &by_test, &err), -1);
	assert_int_equal(err.kind, ERR_NOT_FOUND);
	struct ip_pool_snapshot *s = load(f);
	assert_true(str_equals(s->sources[0].pool, STR("bulk")));
	assert_true(str_equals(s->sources[0].ehlo, STR("mx1.example.com")));
	assert_int_equal(s->sources[0].weight, 3);
	assert_int_equal(s->plans[0].count, 3);
	assert_int_equal(s->plans[0].budgets[2], 200);
	ip_pool_snapshot_drop(s);

	struct warmup_steering steering = {STR("mx1"), STR("qq"), 1, 2};
	assert_int_equal(source_store_steer(f->conn, &steering, &by_test, &err), 1);
	steering = (struct warmup_steering){STR("mx1"), STR(""), 0, 1};
	assert_int_equal(source_store_steer(f->conn, &steering, &by_test, &err), 1);
	s = load(f);
	const struct lane_record *lane = ip_pool_lane(s, s->sources[0].id, STR("qq"));
	assert_non_null(lane);
	assert_false(lane->warmup_held);
	assert_int_equal(lane->warmup_advanced, 3);
	ip_pool_snapshot_drop(s);
}

static struct limit_rule qq_rule(const char *setting)
{
	struct limit_rule rule = {.provider = STR("qq")};
	struct err err;
	limit_values_init(&rule.values);
	WORKS(limit_values_parse(&rule.values, str_from(setting), &err));
	return rule;
}

static struct caps caps_of_qq(struct fixture *f)
{
	static const struct limit_scope scope = {
		.level = LEVEL_LANE, .provider = STR_INIT("qq"), .source = STR_INIT("mx1")};
	struct ip_pool_snapshot *s = load(f);
	struct caps caps;
	limit_resolve(&s->limits, &scope, &provider_find(s->providers, STR("qq"))->limits, NOW,
		      &caps);
	ip_pool_snapshot_drop(s);
	return caps;
}

static void limits_are_set_and_undone(void **state)
{
	struct fixture *f = *state;
	struct err err;
	struct limit_rule rule = qq_rule("connections=7");
	WORKS(limit_values_parse(&rule.values, STR("rate=100/min"), &err));
	int64_t profile = caps_of_qq(f).connections.count;
	WORKS(limit_store_set(f->conn, &rule, 0, &by_test, &err));
	struct caps caps = caps_of_qq(f);
	assert_int_equal(caps.connections.count, 7);
	assert_int_equal(caps.connections.origin, ORIGIN_OPERATOR);
	assert_int_equal(caps.messages[LIMIT_MINUTE].count, 100);

	/* For a while it may also be more; then the lasting one is back by itself. */
	struct limit_rule more = qq_rule("connections=9");
	WORKS(limit_store_set(f->conn, &more, 7200000, &by_test, &err));
	caps = caps_of_qq(f);
	assert_int_equal(caps.connections.count, 9);
	assert_true(caps.connections.until_ms > NOW + 7100000);
	assert_true(caps.connections.until_ms <= NOW + 7200000);

	int64_t undone = 0;
	WORKS(limit_store_undo(f->conn, 0, &by_test, &undone, &err));
	assert_int_equal(caps_of_qq(f).connections.count, 7);
	/* A change, and back. */
	more = qq_rule("connections=3");
	WORKS(limit_store_set(f->conn, &more, 0, &by_test, &err));
	assert_int_equal(caps_of_qq(f).connections.count, 3);
	WORKS(limit_store_undo(f->conn, 0, &by_test, &undone, &err));
	assert_int_equal(caps_of_qq(f).connections.count, 7);

	assert_int_equal(limit_store_unset(f->conn, &more, &by_test, &err), 1);
	assert_int_equal(caps_of_qq(f).connections.count, profile);
	assert_int_equal(caps_of_qq(f).messages[LIMIT_MINUTE].count, 100);
	WORKS(limit_store_undo(f->conn, 0, &by_test, &undone, &err));
	assert_int_equal(caps_of_qq(f).connections.count, 7);
	limit_values_init(&more.values);
	assert_int_equal(limit_store_unset(f->conn, &more, &by_test, &err), 2);
	assert_int_equal(limit_store_unset(f->conn, &more, &by_test, &err), 0);
	assert_int_equal(limit_store_undo(f->conn, 999, &by_test, &undone, &err), -1);
	assert_int_equal(err.kind, ERR_NOT_FOUND);
}

/* What may have been open at a kill goes by the limits of then. */
static void limits_of_connections_are_known_for_a_day(void **state)
{
	struct fixture *f = *state;
	struct err err;
	static const struct limit_scope lane = {
		.level = LEVEL_LANE, .provider = STR_INIT("qq"), .source = STR_INIT("mx1")};
	static const char *const settings[] = {"connections=70", "connections=3",
					       "new-connections=100/min", "new-connections=800/h"};
	for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
		struct limit_rule rule = qq_rule(settings[i]);
		WORKS(limit_store_set(f->conn, &rule, 0, &by_test, &err));
	}
	struct ip_pool_snapshot *s = load(f);
	assert_int_equal(s->limits.count, 3);
	assert_true(limit_most_connections(&s->past_limits, &lane, NULL, NOW, NOW) == 3);
	/* New ones by the minute count as spent after a kill: nobody asks for them. */
	struct caps most = limit_most(&s->past_limits, &lane, NULL, NOW, NOW);
	assert_true(most.new_connections[LIMIT_HOUR].count == 800);
	assert_true(most.new_connections[LIMIT_MINUTE].count == LIMIT_NONE);
	assert_true(limit_most_connections(&s->past_limits, &lane, NULL, NOW - 60000, NOW) == 70);
	ip_pool_snapshot_drop(s);
	WORKS(pg_run_text(f->conn,
			  "UPDATE edm.limit_rule SET set_at = set_at - interval '30 h',"
			  " ended_at = ended_at - interval '27 h'",
			  &err));
	s = load(f);
	assert_int_equal(s->past_limits.count, 2);
	ip_pool_snapshot_drop(s);
}

/* Undoing is a change like any other: each undo takes back the one before, whatever that was. */
static void an_undo_is_undone(void **state)
{
	static const struct change another = {STR_INIT("other@here"), STR_INIT("")};
	struct fixture *f = *state;
	struct err err;
	struct limit_rule rule = qq_rule("connections=3");
	int64_t profile = caps_of_qq(f).connections.count, undone = 0;
	WORKS(limit_store_set(f->conn, &rule, 0, &by_test, &err));
	for (int i = 0; i < 4; i++) {
		WORKS(limit_store_undo(f->conn, 0, &another, &undone, &err));
		assert_int_equal(caps_of_qq(f).connections.count, i % 2 == 0 ? profile : 3);
	}
	assert_int_equal(limit_store_unset(f->conn, &rule, &by_test, &err), 1);
	for (int i = 0; i < 4; i++) {
		WORKS(limit_store_undo(f->conn, 0, &another, &undone, &err));
		assert_int_equal(caps_of_qq(f).connections.count, i % 2 == 0 ? 3 : profile);
	}
	WORKS(limit_store_undo(f->conn, 0, &another, &undone, &err));
	struct ip_pool_snapshot *s = load(f);
	assert_int_equal(s->limits.count, 1);
	assert_true(str_equals(s->limits.rules[0].because, by_test.because));
	assert_true(str_equals(s->limits.rules[0].set_by, by_test.actor));
	ip_pool_snapshot_drop(s);
}

static void pauses_are_made_and_lifted(void **state)
{
	struct fixture *f = *state;
	struct err err;
	static const struct limit_scope lane = {
		.level = LEVEL_LANE, .provider = STR_INIT("qq"), .source = STR_INIT("mx1")};
	struct pause on_qq = {
		.provider = STR("qq"), .who = STR("tester@here"), .because = STR("x")};
	struct pause on_site = {
		.provider = STR("mx.example.com"), .who = STR("health"), .origin = PAUSE_HEALTH};
	struct pause impossible = {.source = STR("mx1"), .campaign = 3, .who = STR("tester@here")};
	WORKS(pause_store_add(f->conn, &on_qq, 3600000, &err));
	WORKS(pause_store_add(f->conn, &on_site, 0, &err));
	WORKS(pause_store_add(f->conn, &on_site, 60000, &err)); /* not made shorter */
	assert_int_equal(pause_store_add(f->conn, &impossible, 0, &err), -1);
	struct ip_pool_snapshot *s = load(f);
	assert_int_equal(s->pause_count, 2);
	const struct pause *found = pause_of_lane(s->pauses, s->pause_count, &lane, NOW);
	assert_non_null(found);
	assert_true(found->until_ms > NOW + 3500000);
	assert_int_equal(s->pauses[1].origin, PAUSE_HEALTH);
	assert_true(s->pauses[1].until_ms == LIMIT_FOREVER);
	assert_true(str_equals(s->pauses[1].provider, STR("mx.example.com")));
	ip_pool_snapshot_drop(s);
	/* What an operator says last holds. */
	WORKS(pause_store_add(f->conn, &on_qq, 60000, &err));
	s = load(f);
	assert_int_equal(s->pause_count, 2);
	assert_true(s->pauses[0].until_ms <= NOW + 60000);
	ip_pool_snapshot_drop(s);
	assert_int_equal(pause_store_lift(f->conn, &on_qq, &by_test, &err), 1);
	assert_int_equal(pause_store_lift(f->conn, &on_qq, &by_test, &err), 0);
	/* A receiver's block goes only by itself. */
	assert_int_equal(pause_store_lift_all(f->conn, &by_test, &err), 0);
	assert_int_equal(pause_store_lift(f->conn, &on_site, &by_test, &err), 1);
	WORKS(pause_store_add(f->conn, &on_qq, 0, &err));
	assert_int_equal(pause_store_lift_all(f->conn, &by_test, &err), 1);
}

static void routes_are_set_and_removed(void **state)
{
	struct fixture *f = *state;
	struct err err;
	struct route route = {.domain = STR("Example.COM"),
			      .host = STR("smtp.example.net"),
			      .port = 587,
			      .tls = ROUTE_TLS_REQUIRED,
			      .auth_user = STR("me"),
			      .sealed_password = STR("\x01\x02")};
	WORKS(route_store_set(f->conn, &route, &by_test, &err));
	route.tls = ROUTE_TLS_NONE;
	assert_int_equal(route_store_set(f->conn, &route, &by_test, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	struct route any = {.domain = STR("*"),
			    .host = STR("127.0.0.1"),
			    .port = 2525,
			    .tls = ROUTE_TLS_OPPORTUNISTIC};
	WORKS(route_store_set(f->conn, &any, &by_test, &err));
	struct ip_pool_snapshot *s = load(f);
	const struct route *found = route_find(s->routes, s->route_count, STR("example.com"));
	assert_int_equal(found->port, 587);
	assert_int_equal(found->sealed_password.len, 2);
	assert_int_equal(route_find(s->routes, s->route_count, STR("a.org"))->port, 2525);
	ip_pool_snapshot_drop(s);
	WORKS(route_store_remove(f->conn, STR("*"), &by_test, &err));
	assert_int_equal(route_store_remove(f->conn, STR("*"), &by_test, &err), -1);
	assert_int_equal(err.kind, ERR_NOT_FOUND);
}

static void lanes_and_usage_survive(void **state)
{
	struct fixture *f = *state;
	struct err err;
	struct lane_limits lane;
	struct limit_scope scope = {
		.level = LEVEL_LANE, .provider = STR("qq"), .source = STR("mx1")};
	struct lane_record records[2] = {{.source = 1, .target = STR("qq")},
					 {.source = 1, .target = STR("mx.a.org")}};
	bool has_warmup[2] = {true, false};
	lane_limits_init(&lane, &scope, NULL, NOW);
	(void)controller_cut_rate(&lane.controller, NOW + 1, NOW + 2);
	lane_state_save(&lane, NOW + 2, &records[0].state);
	lane_state_save(&lane, NOW + 2, &records[1].state);
	records[0].warmup = (struct warmup_state){.step = 2, .sent = 7};
	for (int twice = 0; twice < 2; twice++) {
		struct pg_params p;
		pg_params_init(&p);
		lane_store_params(&p, records, has_warmup, 2);
		WORKS(pg_run(f->conn, LANE_STORE_SAVE, &p, NULL, &err));
		pg_params_done(&p);
	}
	struct ip_pool_snapshot *s = load(f);
	const struct lane_record *found = ip_pool_lane(s, 1, STR("qq"));
	assert_int_equal(s->lane_count, 2);
	assert_int_equal(found->warmup.step, 2);
	assert_int_equal(found->warmup.sent, 7);
	assert_true(found->state.controller.rate > 0);
	assert_null(ip_pool_lane(s, 2, STR("qq")));
	ip_pool_snapshot_drop(s);

	WORKS(pg_run_text(f->conn,
			  "INSERT INTO edm.campaign (campaign_id, name, from_address) VALUES"
			  " (5, 'five', 'Tea@News.Test')",
			  &err));
	WORKS(pg_run_text(
		f->conn,
		"INSERT INTO edm.limit_usage (bucket, node_id, incarnation, source_id, "
		"sending_domain_id, campaign_id, messages, connections, target) VALUES "
		"(date_trunc('minute', now()) - interval '3 h', 1, 1, 1, 0, 5, 40, 0, 'qq'),"
		"(date_trunc('minute', now()) - interval '3 h', 1, 1, 1, 0, 5, 60, 3, 'qq'),"
		"(date_trunc('minute', now()) - interval '3 h', 1, 2, 1, 0, 5, 1, 2, 'qq'),"
		"(date_trunc('minute', now()) - interval '26 h', 1, 2, 1, 0, 5, 1, 0, 'qq'),"
		"(date_trunc('minute', now()), 1, 2, 1, 0, 5, 9, 0, 'qq')",
		&err));
	struct usage_list usage;
	WORKS(usage_load(f->conn, 1, NOW, &usage, &err));
	assert_int_equal(usage.count, 2);
	assert_int_equal(usage.items[0].messages, 61);
	assert_int_equal(usage.items[0].connections, 5);
	assert_true(usage.items[0].at_ms <= NOW - 3 * 3600000 + 900000);
	assert_true(usage.items[0].at_ms >= NOW - 3 * 3600000 - 60000);
	assert_int_equal(usage.items[1].messages, 9);
	/* A journal does not tell the sending domain; the campaign does. */
	assert_true(str_equals(usage.items[0].domain, STR("news.test")));
	assert_true(usage.items[1].at_ms == NOW);
	usage_done(&usage);
}

static void save_lanes(struct fixture *f, const struct lane_record *records, size_t count)
{
	const bool has_warmup[2] = {true, true};
	struct err err;
	struct pg_params p;
	pg_params_init(&p);
	lane_store_params(&p, records, has_warmup, count);
	WORKS(pg_run(f->conn, LANE_STORE_SAVE, &p, NULL, &err));
	pg_params_done(&p);
}

/* A node that has not heard of it may save what it knew before: it stays forgotten. */
static void lanes_forget_what_they_learnt(void **state)
{
	struct fixture *f = *state;
	struct err err;
	uint32_t id = add_mx1(f);
	struct lane_limits lane;
	const struct limit_scope scope = {
		.level = LEVEL_LANE, .provider = STR("qq"), .source = STR("mx1")};
	struct lane_record records[2] = {{.source = id, .target = STR("qq")},
					 {.source = id, .target = STR("gmail")}};
	lane_limits_init(&lane, &scope, NULL, NOW);
	(void)controller_cut_rate(&lane.controller, NOW + 1, NOW + 2);
	lane_state_save(&lane, NOW + 2, &records[0].state);
	lane_state_save(&lane, NOW + 2, &records[1].state);
	save_lanes(f, records, 2);
	assert_int_equal(lane_store_forget(f->conn, STR("mx1"), STR("qq"), &by_test, &err), 1);
	save_lanes(f, records, 2);
	struct ip_pool_snapshot *s = load(f);
	assert_true(ip_pool_lane(s, id, STR("qq"))->state.controller.rate == 0);
	assert_int_equal(ip_pool_lane(s, id, STR("qq"))->forgotten, 1);
	assert_true(ip_pool_lane(s, id, STR("gmail"))->state.controller.rate > 0);
	ip_pool_snapshot_drop(s);
	/* What is learnt after that stays. */
	records[0].state.forgotten = 1;
	save_lanes(f, records, 1);
	s = load(f);
	assert_true(ip_pool_lane(s, id, STR("qq"))->state.controller.rate > 0);
	ip_pool_snapshot_drop(s);

	assert_int_equal(lane_store_forget(f->conn, STR(""), STR("qq"), &by_test, &err), 1);
	assert_int_equal(lane_store_forget(f->conn, STR(""), STR("nowhere"), &by_test, &err), 0);
	assert_int_equal(lane_store_forget(f->conn, STR("mx1"), STR(""), &by_test, &err), 2);
	assert_int_equal(lane_store_forget(f->conn, STR("mx9"), STR("qq"), &by_test, &err), 0);
	assert_int_equal(lane_store_forget(f->conn, STR("mx1"), STR("163"), &by_test, &err), 1);
	assert_int_equal(ask(f, "SELECT count(*) FROM edm.event WHERE verb = 'limit forget'"
				" AND object LIKE 'lane:mx1/%' AND because = 'a test'"),
			 5);
	assert_int_equal(ask(f, "SELECT count(*) FROM edm.event WHERE verb = 'limit forget'"
				" AND (detail->'learnt'->>'rate')::float > 0"),
			 4);
}

static void save_parties(struct fixture *f, int32_t node, const struct party_record *parties,
			 size_t count)
{
	struct err err;
	struct pg_params p;
	pg_params_init(&p);
	party_store_params(&p, node, parties, count);
	WORKS(pg_run(f->conn, PARTY_STORE_SAVE, &p, NULL, &err));
	pg_params_done(&p);
}

/* Each node has its own; whoever has all lanes of a provider forget has its parties forget, too. */
static void parties_are_kept_and_forget(void **state)
{
	struct fixture *f = *state;
	struct err err;
	const struct party_record *r;
	WORKS(pg_run_text(f->conn,
			  "INSERT INTO edm.node (node_id, name, journal) VALUES"
			  " (1, 'n1', gen_random_uuid()), (2, 'n2', gen_random_uuid())",
			  &err));
	struct party_record parties[] = {
		{.target = STR("qq"), .campaign = 7},
		{.target = STR("qq"), .domain = STR("news.test")},
		{.target = STR("gmail"), .domain = STR("news.test")},
	};
	for (size_t i = 0; i < ARRAY_LEN(parties); i++)
		parties[i].state.controller.rate = 1.5;
	save_parties(f, 1, parties, 3);
	save_parties(f, 2, parties, 1);
	save_parties(f, 1, parties, 2);
	struct ip_pool_snapshot *s = load(f);
	assert_int_equal(s->party_count, 4);
	assert_int_equal(ip_pool_parties(s, STR("n1"), STR("163"), &r), 0);
	assert_int_equal(ip_pool_parties(s, STR("n2"), STR("qq"), &r), 1);
	assert_int_equal(ip_pool_parties(s, STR("n1"), STR("qq"), &r), 2);
	assert_int_equal(r[0].campaign, 7);
	assert_true(str_equals(r[1].domain, STR("news.test")) && r[1].campaign == 0);
	assert_true(str_equals(r[1].name, STR("news.test")) && r[1].age_ms >= 0);
	assert_true(party_state_holds(&r[1].state, r[1].age_ms));
	ip_pool_snapshot_drop(s);

	assert_int_equal(lane_store_forget(f->conn, STR(""), STR("qq"), &by_test, &err), 3);
	save_parties(f, 1, parties, 2); /* by a node that has not heard */
	s = load(f);
	assert_int_equal(ip_pool_parties(s, STR("n1"), STR("qq"), &r), 2);
	assert_false(party_state_holds(&r[0].state, 0) || party_state_holds(&r[1].state, 0));
	assert_int_equal(r[0].forgotten, 1);
	assert_int_equal(ip_pool_parties(s, STR("n1"), STR("gmail"), &r), 1);
	assert_true(party_state_holds(&r[0].state, 0));
	ip_pool_snapshot_drop(s);
	assert_int_equal(ask(f, "SELECT count(*) FROM edm.event WHERE verb = 'limit forget'"
				" AND object = 'provider:qq' AND detail->>'of' = 'news.test'"),
			 1);
	/* One that has heard of it and comes back after its row was dropped hears of the next. */
	WORKS(pg_run_text(f->conn, "DELETE FROM edm.party_state WHERE node_id = 1", &err));
	parties[0].state.forgotten = 1;
	save_parties(f, 1, parties, 1);
	assert_int_equal(lane_store_forget(f->conn, STR(""), STR("qq"), &by_test, &err), 2);
	s = load(f);
	assert_int_equal(ip_pool_parties(s, STR("n1"), STR("qq"), &r), 1);
	assert_int_equal(r[0].forgotten, 2);
	assert_false(party_state_holds(&r[0].state, 0));
	ip_pool_snapshot_drop(s);
	/* A day later they are gone with the next that is saved. */
	WORKS(pg_run_text(f->conn, "UPDATE edm.party_state SET saved_at = now() - interval '25 h'",
			  &err));
	save_parties(f, 1, parties, 1);
	assert_int_equal(ask(f, "SELECT count(*) FROM edm.party_state WHERE node_id = 1"), 1);
}

/* Be it the same again: a lane stands on its first step, whatever a node saves of the old one. */
static void a_new_plan_begins_anew(void **state)
{
	struct fixture *f = *state;
	struct err err;
	struct warmup_plan plan;
	struct warmup_steering steering = {STR("mx1"), STR("qq"), 1, 2};
	WORKS(warmup_plan_parse(STR("50,100,200"), &plan, &err));
	struct source_change wanted = {.plan = &plan};
	uint32_t id = add_mx1(f);
	WORKS(source_store_set(f->conn, STR("mx1"), &wanted, &by_test, &err));
	struct ip_pool_snapshot *s = load(f);
	struct lane_record record = {.source = id,
				     .target = STR("qq"),
				     .warmup = {.step = 1, .plan_us = s->plans[0].begun_us}};
	assert_true(record.warmup.plan_us > 0);
	ip_pool_snapshot_drop(s);
	save_lanes(f, &record, 1);
	WORKS(source_store_steer(f->conn, &steering, &by_test, &err));
	/* What else is set of the source leaves it alone. */
	struct source_change heavier = {.weight = 2};
	WORKS(source_store_set(f->conn, STR("mx1"), &heavier, &by_test, &err));
	s = load(f);
	assert_int_equal(s->lanes[0].warmup_advanced, 2);
	assert_true(s->plans[0].begun_us == record.warmup.plan_us);
	ip_pool_snapshot_drop(s);
	WORKS(source_store_set(f->conn, STR("mx1"), &wanted, &by_test, &err));
	save_lanes(f, &record, 1);
	s = load(f);
	struct warmup w;
	warmup_state_load(&w, &s->plans[0], &s->lanes[0].warmup, 0, NOW);
	warmup_follow(&w, s->lanes[0].warmup_advanced, s->lanes[0].warmup_held, NOW);
	assert_int_equal(w.step, 0);
	assert_false(w.is_held);
	ip_pool_snapshot_drop(s);
	plan.count = 0;
	WORKS(source_store_set(f->conn, STR("mx1"), &wanted, &by_test, &err));
	s = load(f);
	assert_int_equal(s->plans[0].count, 0);
	ip_pool_snapshot_drop(s);
}

static void on_loaded(void *owner, struct ip_pool_snapshot *snapshot, const struct err *err)
{
	struct fixture *f = owner;
	if (err != NULL)
		fail_msg("%s", err->text);
	f->snapshot = snapshot;
	f->is_answered = true;
	loop_stop(f->loop);
}

static void a_node_loads_on_its_loop(void **state)
{
	struct fixture *f = *state;
	(void)add_mx1(f);
	f->loop = loop_new();
	struct pg_options options = {.url = f->url, .name = "test"};
	struct pg *pg = pg_open(f->loop, &options);
	(void)ip_pool_load_start(pg, NOW, on_loaded, f);
	loop_run(f->loop);
	assert_true(f->is_answered);
	assert_int_equal(f->snapshot->source_count, 1);
	assert_non_null(f->snapshot->providers);
	ip_pool_snapshot_drop(ip_pool_snapshot_hold(f->snapshot));
	ip_pool_snapshot_drop(f->snapshot);
	/* A cancelled load calls nobody. */
	struct ip_pool_loader *loader = ip_pool_load_start(pg, NOW, on_loaded, f);
	pg_close(pg);
	ip_pool_load_cancel(loader, true);
	loop_turn(f->loop, false);
	loop_free(f->loop);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_database, close_database)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sources_are_added_and_move),
		TEST(sources_are_changed),
		TEST(limits_are_set_and_undone),
		TEST(limits_of_connections_are_known_for_a_day),
		TEST(an_undo_is_undone),
		TEST(pauses_are_made_and_lifted),
		TEST(routes_are_set_and_removed),
		TEST(lanes_and_usage_survive),
		TEST(a_node_loads_on_its_loop),
		TEST(a_new_plan_begins_anew),
		TEST(lanes_forget_what_they_learnt),
		TEST(parties_are_kept_and_forget),
	};
	return cmocka_run_group_tests(tests, start_server, stop_server);
}
