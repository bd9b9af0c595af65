/* SPDX-License-Identifier: MIT */
/* Shares of limits over all nodes, dealt by the database: case by case, and by many at once. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "engine/base/hash.h"
#include "ip-pool/limiter.h"
#include "ip-pool/store/share_store.h"
#include "tests/db/share_fixture.h"

#define RULE 5
#define ALWAYS_WANTS INT64_C(1000000)

struct desk {
	struct pg_blocking *conn;
	int64_t now;
};

/* What node gets that wants, holds and goes by version; −1: nothing at all was said. */
struct by_hand {
	int node, incarnation;
	int64_t wanted, held;
	int version;
	int meter; /* 5: messages a second; 8: a day; 0: connections */
	int known; /* RULE, unless said */
	bool is_leaving;
};

static int64_t grace_of(int meter)
{
	return meter == 0 ? SHARE_CONNECTION_GRACE_MS : limit_period_ms(limit_meter_period(meter));
}

static int64_t deal(struct desk *d, const struct by_hand *h, int *version_out)
{
	struct pg_params p;
	int64_t part = -1;
	pg_params_init(&p);
	pg_add_int4(&p, h->node);
	pg_add_int4(&p, h->incarnation);
	pg_add_int4(&p, h->known ? h->known : RULE);
	pg_add_bool(&p, h->is_leaving);
	pg_add_int2(&p, (int16_t)h->meter);
	pg_add_int8(&p, grace_of(h->meter));
	pg_add_int8(&p, 100);
	pg_add_int8(&p, h->wanted);
	pg_add_int8(&p, h->held);
	pg_add_int4(&p, h->version);
	pg_add_time(&p, d->now * 1000);
	struct pg_rows *rows = share_fixture_query(
		d->conn,
		"SELECT part, version FROM edm.limit_share_ask($1, $2, $3, $4, ARRAY[ROW('x', $5,"
		" $1, $2, $6, 5, $7, $8, $9, 0, $10)::edm.limit_share], $11)",
		&p);
	if (pg_rows_count(rows) == 1) {
		part = pg_int(rows, 0, 0);
		*version_out = pg_int32(rows, 0, 1);
	}
	pg_rows_free(rows);
	return part;
}

static void open_desk(struct desk *d, int nodes)
{
	char sql[300];
	*d = (struct desk){.conn = share_fixture_open(share_fixture_database()), .now = 100000};
	snprintf(sql, sizeof(sql),
		 "INSERT INTO edm.node(name, incarnation, journal, registered_at, lease_until)"
		 " SELECT 'mx' || i, 1, gen_random_uuid(), 'epoch', 'epoch'::timestamptz"
		 " + interval '110 s' FROM generate_series(1, %d) i",
		 nodes);
	share_fixture_run(d->conn, sql);
}

static void one_alone_has_it_all_and_gives_it_up_bit_by_bit(void **state)
{
	(void)state;
	struct desk d;
	int v1 = 0, v2 = 0;
	open_desk(&d, 2);
	share_fixture_run(d.conn, "INSERT INTO edm.limit_holder VALUES (2, 1, 5)");
	struct by_hand one = {1, 1, 10, 0, 0, 5, 0, false},
		       two = {2, 1, ALWAYS_WANTS, 0, 0, 5, 0, false};
	assert_int_equal(deal(&d, &one, &v1), 100);
	assert_int_equal(deal(&d, &two, &v2), 0);
	/* It still goes by what it had. */
	one.wanted = ALWAYS_WANTS;
	assert_int_equal(deal(&d, &one, &one.version), 50);
	assert_int_equal(deal(&d, &two, &two.version), 0);
	/* It has shrunk, but counts more. */
	one.held = 80;
	assert_int_equal(deal(&d, &one, &one.version), 50);
	assert_int_equal(deal(&d, &two, &two.version), 20);
	one.held = 50;
	assert_int_equal(deal(&d, &one, &one.version), 50);
	two.held = 20;
	assert_int_equal(deal(&d, &two, &two.version), 50);
	/* Who wants little leaves the rest to the other. */
	one.wanted = one.held = 7;
	assert_int_equal(deal(&d, &one, &one.version), 7);
	assert_int_equal(deal(&d, &one, &one.version), 7);
	two.held = 50;
	assert_int_equal(deal(&d, &two, &two.version), 93);
	pg_close_blocking(d.conn);
}

static void nobody_grows_before_all_know_the_rule(void **state)
{
	(void)state;
	struct desk d;
	int v = 0;
	open_desk(&d, 2);
	struct by_hand one = {1, 1, 10, 30, 0, 5, 0, false};
	struct by_hand two = {2, 1, 70, 70, 0, 5, RULE - 1, false};
	assert_int_equal(deal(&d, &one, &one.version), 0);
	assert_int_equal(deal(&d, &two, &two.version), 0);
	assert_int_equal(deal(&d, &one, &v), 0);
	two.known = RULE;
	assert_int_equal(deal(&d, &two, &two.version), 70);
	pg_close_blocking(d.conn);
}

static void set_time(struct desk *d, int64_t now)
{
	d->now = now;
	share_fixture_run(d->conn,
			  "UPDATE edm.node SET lease_until = 'infinity' WHERE name <> 'mx1'");
}

static void the_dead_count_for_their_grace(void **state)
{
	(void)state;
	static const struct {
		int meter;
		int64_t grace_ms;
	} rows[] = {{5, 1000}, {6, 60000}, {8, 86400000}, {0, SHARE_CONNECTION_GRACE_MS}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct desk d;
		int v = 0;
		open_desk(&d, 2);
		share_fixture_run(d.conn, "INSERT INTO edm.limit_holder VALUES (2, 1, 5)");
		struct by_hand one = {1, 1, 60, 60, 0, rows[i].meter, 0, false};
		struct by_hand two = {2, 1, ALWAYS_WANTS, 0, 0, rows[i].meter, 0, false};
		assert_true(deal(&d, &one, &v) >= 60);
		int64_t lease_end = 110000;
		set_time(&d, lease_end + rows[i].grace_ms - 1);
		assert_true(deal(&d, &two, &two.version) <= 40);
		assert_int_equal(deal(&d, &one, &v), -1);
		set_time(&d, lease_end + rows[i].grace_ms);
		assert_int_equal(deal(&d, &two, &two.version), 100);
		pg_close_blocking(d.conn);
	}
}

static void who_registers_again_says_what_it_counts(void **state)
{
	(void)state;
	static const struct {
		int meter;
		int64_t want_other;
	} rows[] = {{0, 95}, {8, 95}, {6, 35}};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct desk d;
		int v = 0;
		open_desk(&d, 2);
		share_fixture_run(d.conn,
				  "INSERT INTO edm.limit_holder VALUES (1, 2, 5), (2, 1, 5)");
		share_fixture_run(d.conn, "INSERT INTO edm.limit_share VALUES"
					  " ('x', 0, 1, 1, 360000, 5, 100, 60, 60, 60, 1),"
					  " ('x', 6, 1, 1, 60000, 5, 100, 60, 60, 60, 1),"
					  " ('x', 8, 1, 1, 86400000, 5, 100, 60, 60, 60, 1)");
		share_fixture_run(
			d.conn,
			"UPDATE edm.node SET incarnation = 2, registered_at = 'epoch'::timestamptz"
			" + interval '99 s' WHERE name = 'mx1'");
		struct by_hand one = {1, 2, 5, 5, 0, rows[i].meter, 0, false};
		struct by_hand two = {2, 1, ALWAYS_WANTS, 0, 0, rows[i].meter, 0, false};
		assert_int_equal(deal(&d, &two, &two.version), 40);
		(void)deal(&d, &one, &v);
		assert_int_equal(deal(&d, &two, &two.version), rows[i].want_other);
		pg_close_blocking(d.conn);
	}
}

static void who_leaves_keeps_only_what_it_counts(void **state)
{
	(void)state;
	struct desk d;
	int v = 0;
	open_desk(&d, 2);
	share_fixture_run(d.conn, "INSERT INTO edm.limit_holder VALUES (2, 1, 5)");
	struct by_hand one = {1, 1, ALWAYS_WANTS, 0, 0, 5, 0, false};
	struct by_hand two = {2, 1, ALWAYS_WANTS, 0, 0, 5, 0, false};
	assert_int_equal(deal(&d, &one, &one.version), 100);
	one.is_leaving = true;
	one.wanted = 0;
	one.held = 30;
	assert_int_equal(deal(&d, &one, &v), 0);
	assert_int_equal(deal(&d, &two, &two.version), 70);
	pg_close_blocking(d.conn);
}

/* A share that was given away while its holder slept is not its own again because it says so. */
static void a_lost_share_is_not_taken_back(void **state)
{
	(void)state;
	struct desk d;
	open_desk(&d, 2);
	share_fixture_run(d.conn, "INSERT INTO edm.limit_holder VALUES (2, 1, 5)");
	struct by_hand one = {1, 1, ALWAYS_WANTS, 0, 0, 5, 0, false};
	struct by_hand two = {2, 1, ALWAYS_WANTS, 30, 7, 5, 0, false};
	assert_int_equal(deal(&d, &one, &one.version), 100);
	assert_int_equal(deal(&d, &two, &two.version), 0);
	pg_close_blocking(d.conn);
}

/* ------------------------------------------------------------------------------- at once */

#define ASKERS 6
#define ASKS 60

struct asker {
	const char *url;
	int node;
	int64_t most;
	bool has_failed;
};

static const char at_once_sql[] =
	"SELECT part, version FROM edm.limit_share_ask($1, 1, 5, false, ARRAY[ROW('x', 5, $1, 1,"
	" 1000, 5, 60, $2, $3, 0, $4)::edm.limit_share])";

static bool ask_once(struct pg_blocking *conn, struct asker *a, int64_t wanted, int64_t *part,
		     int32_t *version)
{
	struct pg_params p;
	struct pg_rows *rows = NULL;
	struct err err;
	pg_params_init(&p);
	pg_add_int4(&p, a->node);
	pg_add_int8(&p, wanted);
	pg_add_int8(&p, *part);
	pg_add_int4(&p, *version);
	int status = pg_query(conn, at_once_sql, &p, &rows, &err);
	pg_params_done(&p);
	if (status == 0 && pg_rows_count(rows) == 1) {
		*part = pg_int(rows, 0, 0);
		*version = pg_int32(rows, 0, 1);
	}
	pg_rows_free(rows);
	return status == 0;
}

static void *ask_often(void *arg)
{
	struct asker *a = arg;
	struct err err;
	uint64_t prng = (uint64_t)a->node;
	int64_t part = 0;
	int32_t version = 0;
	struct pg_blocking *conn = pg_open_blocking(a->url, "asker", &err);
	a->has_failed = conn == NULL;
	for (int i = 0; i < ASKS && !a->has_failed; i++) {
		int64_t wanted = (int64_t)(prng_next(&prng) % 50);
		a->has_failed = !ask_once(conn, a, wanted, &part, &version);
		a->most = part > a->most ? part : a->most;
	}
	pg_close_blocking(conn);
	return NULL;
}

static void askers_at_once_never_pass_the_limit(void **state)
{
	(void)state;
	static struct asker askers[ASKERS];
	pthread_t threads[ASKERS];
	const char *url = share_fixture_database();
	struct pg_blocking *conn = share_fixture_open(url);
	share_fixture_run(
		conn,
		"INSERT INTO edm.node(name, incarnation, journal, lease_until)"
		" SELECT 'mx' || i, 1, gen_random_uuid(), 'infinity' FROM generate_series(1, 6) i;"
		"INSERT INTO edm.limit_holder SELECT i, 1, 5 FROM generate_series(1, 6) i;"
		"CREATE TABLE most(held bigint);"
		"CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
		" INSERT INTO most SELECT sum(held) FROM edm.limit_share; RETURN NULL; END $$;"
		"CREATE TRIGGER note AFTER INSERT OR UPDATE ON edm.limit_share"
		" FOR EACH STATEMENT EXECUTE FUNCTION note()");
	for (int i = 0; i < ASKERS; i++) {
		askers[i] = (struct asker){.url = url, .node = i + 1};
		must(pthread_create(&threads[i], NULL, ask_often, &askers[i]) == 0);
	}
	for (int i = 0; i < ASKERS; i++) {
		must(pthread_join(threads[i], NULL) == 0);
		assert_false(askers[i].has_failed);
		assert_true(askers[i].most > 0);
	}
	struct pg_rows *rows =
		share_fixture_query(conn, "SELECT max(held), count(*) FROM most", NULL);
	print_message("held at most %lld of 60 in %lld changes\n", (long long)pg_int(rows, 0, 0),
		      (long long)pg_int(rows, 0, 1));
	assert_true(pg_int(rows, 0, 0) <= 60);
	assert_true(pg_int(rows, 0, 1) >= ASKERS * ASKS);
	pg_rows_free(rows);
	pg_close_blocking(conn);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_alone_has_it_all_and_gives_it_up_bit_by_bit),
		cmocka_unit_test(nobody_grows_before_all_know_the_rule),
		cmocka_unit_test(the_dead_count_for_their_grace),
		cmocka_unit_test(who_registers_again_says_what_it_counts),
		cmocka_unit_test(who_leaves_keeps_only_what_it_counts),
		cmocka_unit_test(a_lost_share_is_not_taken_back),
		cmocka_unit_test(askers_at_once_never_pass_the_limit),
	};
	return cmocka_run_group_tests(tests, share_fixture_start, share_fixture_stop);
}
