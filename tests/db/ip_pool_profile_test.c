/* SPDX-License-Identifier: MIT */
/* What operators say of providers' profiles, against a real server: said, for a time, taken back,
 * and what is known of it afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "ip-pool/store/provider_store.h"
#include "ip-pool/store/snapshot.h"
#include "tests/support/private_pg.h"

#define NOW INT64_C(50000000)

static const struct change by_test = {STR_INIT("tester@here"), STR_INIT("a test")};

struct fixture {
	struct private_pg *server;
	struct pg_blocking *conn;
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
	f->conn = pg_open_blocking(private_pg_database(f->server, true), "test", &err);
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

static void providers_are_overridden(void **state)
{
	struct fixture *f = *state;
	struct err err;
	struct provider_override qq = {
		STR("qq"), STR("{\"limits\":{\"connections\":6,\"messages_per_day\":99}}")};
	struct provider_override again = {STR("qq"), STR("{\"limits\":{\"connections\":8}}")};
	struct provider_override own = {STR("ours"), STR("{\"mx_suffixes\":[\".ours.example\"]}")};
	struct provider_override bad = {STR("nowhere"), STR("{\"verp\":false}")};
	WORKS(provider_store_set(f->conn, &qq, 0, &by_test, &err));
	WORKS(provider_store_set(f->conn, &again, 0, &by_test, &err));
	WORKS(provider_store_set(f->conn, &own, 0, &by_test, &err));
	assert_int_equal(provider_store_set(f->conn, &bad, 0, &by_test, &err), -1);
	struct ip_pool_snapshot *s = load(f);
	const struct provider *p = provider_find(s->providers, STR("qq"));
	assert_int_equal(p->limits.connections, 8);
	assert_int_equal(p->limits.messages[LIMIT_DAY], 99);
	assert_true(str_equals(provider_of_host(s->providers, STR("mx1.ours.example."))->name,
			       STR("ours")));
	ip_pool_snapshot_drop(s);
	WORKS(provider_store_unset(f->conn, STR("ours"), &by_test, &err));
	assert_int_equal(provider_store_unset(f->conn, STR("ours"), &by_test, &err), -1);
}

static void say(struct fixture *f, const char *name, const char *json, int64_t for_ms)
{
	struct provider_override override = {str_from(name), str_from(json)};
	struct err err;
	WORKS(provider_store_set(f->conn, &override, for_ms, &by_test, &err));
}

static int64_t connections_of(struct fixture *f, const char *name)
{
	struct ip_pool_snapshot *s = load(f);
	int64_t n = provider_find(s->providers, str_from(name))->limits.connections;
	ip_pool_snapshot_drop(s);
	return n;
}

/* What may have been open at a kill goes by the profile of then. */
static void connections_of_a_profile_are_known_for_a_day(void **state)
{
	struct fixture *f = *state;
	struct err err;
	static const struct limit_scope lane = {
		.level = LEVEL_LANE, .provider = STR_INIT("qq"), .source = STR_INIT("mx1")};
	int64_t builtin = connections_of(f, "qq");
	say(f, "qq", "{\"limits\":{\"connections\":60}}", 0);
	say(f, "qq", "{\"verp\":false}", 0);
	say(f, "qq", "{\"limits\":{\"connections\":6}}", 0);
	struct ip_pool_snapshot *s = load(f);
	const struct limit_values *profile = &provider_find(s->providers, STR("qq"))->limits;
	assert_int_equal(profile->connections, 6);
	assert_true(s->past_limits.profiles[0].connections == builtin);
	assert_int_equal(limit_most_connections(&s->past_limits, &lane, profile, NOW - 60000, NOW),
			 60);
	assert_int_equal(limit_most_connections(&s->past_limits, &lane, profile, NOW + 1, NOW + 1),
			 6);
	ip_pool_snapshot_drop(s);
	WORKS(provider_store_unset(f->conn, STR("qq"), &by_test, &err));
	assert_int_equal(provider_store_unset(f->conn, STR("qq"), &by_test, &err), -1);
	assert_int_equal(err.kind, ERR_NOT_FOUND);
	s = load(f);
	profile = &provider_find(s->providers, STR("qq"))->limits;
	assert_int_equal(profile->connections, builtin);
	assert_int_equal(limit_most_connections(&s->past_limits, &lane, profile, NOW - 60000, NOW),
			 60);
	ip_pool_snapshot_drop(s);
	WORKS(pg_run_text(f->conn,
			  "UPDATE edm.provider_ended SET ended_at = ended_at - interval '27 h'",
			  &err));
	s = load(f);
	assert_int_equal(s->past_limits.profile_count, 0);
	ip_pool_snapshot_drop(s);
}

/* A version before this one wrote down the connections themselves. */
static void what_an_older_version_kept_of_profiles_is_read(void **state)
{
	struct fixture *f = *state;
	struct err err;
	static const struct limit_scope lane = {
		.level = LEVEL_LANE, .provider = STR_INIT("qq"), .source = STR_INIT("mx1")};
	WORKS(pg_run_text(f->conn,
			  "INSERT INTO edm.provider_past (name, until, connections)"
			  " VALUES ('qq', now() - interval '1 min', 77);"
			  "INSERT INTO edm.provider (name, overrides, begun_at)"
			  " VALUES ('qq', '{\"limits\": {\"connections\": 8}}', '-infinity')",
			  &err));
	struct ip_pool_snapshot *s = load(f);
	const struct limit_values *profile = &provider_find(s->providers, STR("qq"))->limits;
	assert_int_equal(profile->connections, 8);
	assert_int_equal(s->past_limits.profile_count, 1);
	assert_int_equal(limit_most_connections(&s->past_limits, &lane, profile, NOW - 90000, NOW),
			 77);
	assert_int_equal(limit_most_connections(&s->past_limits, &lane, profile, NOW - 30000, NOW),
			 8);
	ip_pool_snapshot_drop(s);
}

/* For an hour only: then what was before holds, with the connections of that hour remembered. */
static void a_change_of_a_profile_ends_by_itself(void **state)
{
	struct fixture *f = *state;
	struct err err;
	static const struct limit_scope lane = {
		.level = LEVEL_LANE, .provider = STR_INIT("qq"), .source = STR_INIT("mx1")};
	say(f, "qq", "{\"limits\":{\"connections\":6},\"verp\":false}", 0);
	say(f, "qq", "{\"limits\":{\"connections\":50}}", 3600000);
	say(f, "qq", "{\"limits\":{\"messages_per_day\":99}}", 0);
	struct ip_pool_snapshot *s = load(f);
	int64_t end = s->profiles_end_ms;
	assert_true(end > NOW + 3500000 && end <= NOW + 3600000);
	struct ip_pool_snapshot *later = ip_pool_snapshot_at(s, end, &err);
	assert_int_equal(provider_find(s->providers, STR("qq"))->limits.connections, 50);
	ip_pool_snapshot_drop(s);
	assert_non_null(later);
	const struct provider *qq = provider_find(later->providers, STR("qq"));
	assert_int_equal(qq->limits.connections, 6);
	assert_int_equal(qq->limits.messages[LIMIT_DAY], 99);
	assert_false(qq->verp);
	assert_true(later->profiles_end_ms == LIMIT_FOREVER);
	/* Without anybody having written that it ended. */
	assert_int_equal(limit_most_connections(&later->past_limits, &lane, &qq->limits, end - 1000,
						end + 1000),
			 50);
	assert_int_equal(limit_most_connections(&later->past_limits, &lane, &qq->limits, end, end),
			 6);
	struct ip_pool_snapshot *again = ip_pool_snapshot_at(later, end + 5, &err);
	ip_pool_snapshot_drop(later);
	assert_non_null(again);
	ip_pool_snapshot_drop(again);
	WORKS(pg_run_text(f->conn, "UPDATE edm.provider SET until = now() WHERE until > now()",
			  &err));
	assert_int_equal(connections_of(f, "qq"), 6);
	s = load(f);
	assert_int_equal(limit_most_connections(&s->past_limits, &lane,
						&provider_find(s->providers, STR("qq"))->limits,
						NOW - 60000, NOW),
			 50);
	ip_pool_snapshot_drop(s);
}

static void undo_profile(struct fixture *f, int64_t number)
{
	struct err err = {.kind = ERR_NONE};
	int64_t undone;
	WORKS(provider_store_undo(f->conn, number, &by_test, &undone, &err));
}

static void a_change_of_a_profile_is_undone(void **state)
{
	struct fixture *f = *state;
	struct err err;
	int64_t undone;
	assert_int_equal(provider_store_undo(f->conn, 0, &by_test, &undone, &err), -1);
	assert_int_equal(err.kind, ERR_NOT_FOUND);
	int64_t builtin = connections_of(f, "qq");
	say(f, "qq", "{\"limits\":{\"connections\":6}}", 0);
	say(f, "qq", "{\"limits\":{\"connections\":7}}", 0);
	undo_profile(f, 0);
	assert_int_equal(connections_of(f, "qq"), 6);
	undo_profile(f, 0);
	assert_int_equal(connections_of(f, "qq"), 7);
	WORKS(provider_store_unset(f->conn, STR("qq"), &by_test, &err));
	assert_int_equal(connections_of(f, "qq"), builtin);
	undo_profile(f, 0);
	assert_int_equal(connections_of(f, "qq"), 7);
	int64_t oldest = ask(f, "SELECT min(begun_in) FROM edm.provider_ended");
	assert_int_equal(provider_store_undo(f->conn, oldest, &by_test, &undone, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	assert_int_equal(provider_store_undo(f->conn, 77, &by_test, &undone, &err), -1);
	assert_int_equal(err.kind, ERR_NOT_FOUND);
	/* One that others stand on: their keys stay. */
	say(f, "gmail", "{\"limits\":{\"connections\":3},\"initial_connections\":3}", 0);
	int64_t lower = ask(f, "SELECT max(begun_in) FROM edm.provider");
	say(f, "gmail", "{\"verp\":false}", 60000);
	undo_profile(f, lower);
	struct ip_pool_snapshot *s = load(f);
	const struct provider *gmail = provider_find(s->providers, STR("gmail"));
	assert_true(gmail->limits.connections > 3 && !gmail->verp);
	ip_pool_snapshot_drop(s);
}

/* "from what": values, not only keys. */
static void events_of_profiles_say_from_what(void **state)
{
	struct fixture *f = *state;
	say(f, "sohu", "{\"limits\":{\"connections\":6},\"tls\":\"required\"}", 60000);
	undo_profile(f, 0);
	assert_int_equal(
		ask(f, "SELECT count(*) FROM edm.event WHERE verb = 'provider set'"
		       " AND object = 'provider:sohu' AND detail->>'until' IS NOT NULL"
		       " AND detail->'was' = '{\"limits\": {\"connections\": 10}, \"tls\": null}'"
		       " AND detail->'set' ="
		       " '{\"limits\": {\"connections\": 6}, \"tls\": \"required\"}'"),
		1);
	assert_int_equal(
		ask(f, "SELECT count(*) FROM edm.event WHERE verb = 'provider undo'"
		       " AND object = 'provider:sohu' AND (detail->>'undone')::int < "
		       "(detail->>'id')::int"
		       " AND detail->'set' = '{\"limits\": {\"connections\": 10}, \"tls\": null}'"),
		1);
}

/* What stands only as long as something said for a time does is refused at once. */
static void a_profile_must_be_sound_when_a_change_ends(void **state)
{
	struct fixture *f = *state;
	struct provider_override initial = {STR("orange"), STR("{\"initial_connections\":8}")};
	struct provider_override lane = {STR("passing"), STR("{\"limits\":{\"connections\":9}}")};
	struct err err;
	say(f, "orange", "{\"limits\":{\"connections\":9}}", 60000);
	assert_int_equal(provider_store_set(f->conn, &initial, 0, &by_test, &err), -1);
	assert_int_equal(err.kind, ERR_USAGE);
	assert_string_equal(err.text, "when what is said for a time is over: provider \"orange\": "
				      "initial_connections is 8, above its connections: 2");
	WORKS(provider_store_set(f->conn, &initial, 50000, &by_test, &err));
	say(f, "passing", "{\"mx_suffixes\":[\".passing.example\"]}", 60000);
	assert_int_equal(provider_store_set(f->conn, &lane, 0, &by_test, &err), -1);
	assert_int_equal(ask(f, "SELECT count(*) FROM edm.provider WHERE name = 'passing'"), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_database, close_database)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(providers_are_overridden),
		TEST(connections_of_a_profile_are_known_for_a_day),
		TEST(what_an_older_version_kept_of_profiles_is_read),
		TEST(a_change_of_a_profile_ends_by_itself),
		TEST(a_change_of_a_profile_is_undone),
		TEST(events_of_profiles_say_from_what),
		TEST(a_profile_must_be_sound_when_a_change_ends),
	};
	return cmocka_run_group_tests(tests, start_server, stop_server);
}
