/* SPDX-License-Identifier: MIT */
/*
 * What is old goes, unless it is the clock that has gone ahead. The clock of the server stands; it
 * is the days with a partition that are moved.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "tests/db/ledger_world.h"

static int setup(void **state)
{
	struct world *w = world_new();
	world_people(w, "qq.com", "qq", 10);
	world_campaign(w, 1);
	world_build(w, 0);
	*state = w;
	return 0;
}

static void add_days(struct world *w, int from, int to)
{
	world_sql(w,
		  "SELECT outcome_partition_add((now() AT TIME ZONE 'UTC')::date + i)"
		  " FROM generate_series(%d, %d) i",
		  from, to);
}

static int64_t run_days(struct world *w, const char *statement, int days)
{
	struct pg_params params;
	struct pg_rows *rows = NULL;
	struct err err;
	pg_params_init(&params);
	pg_add_int4(&params, days);
	if (strcmp(statement, "ledger/drop_chunks") == 0)
		pg_add_int4(&params, 1000);
	if (pg_run(w->conn, statement, &params, &rows, &err) != 0)
		fail_msg("%s", err.text);
	pg_params_done(&params);
	int64_t n = pg_rows_count(rows) > 0 ? pg_int(rows, 0, 0) : 0;
	pg_rows_free(rows);
	return n;
}

static void the_oldest_day_goes_when_it_is_too_old(void **state)
{
	struct world *w = *state;
	add_days(w, -30, -2);
	assert_int_equal(run_days(w, "ledger/drop_partitions", 31), 0);
	assert_int_equal(run_days(w, "ledger/drop_partitions", 29), 1);
	assert_int_equal(run_days(w, "ledger/drop_partitions", 29), 0);
}

static void nothing_goes_when_the_clock_has_gone_ahead(void **state)
{
	struct world *w = *state;
	add_days(w, -3700, -3650);
	world_sql(w,
		  "INSERT INTO doubt SELECT campaign_id, chunk_no, 1, 1, 1, 1, done_map, open_map,"
		  " false, now() - interval '10 years', now() FROM chunk");
	world_sql(w, "UPDATE campaign SET state = 5, finished_at = now() - interval '10 years'");
	for (int i = 0; i < 2; i++) {
		assert_int_equal(run_days(w, "ledger/drop_partitions", 400), 0);
		assert_int_equal(run_days(w, "ledger/drop_chunks", 30), 0);
		run_days(w, "ledger/drop_doubts", 30);
		assert_int_equal(world_number(w, "SELECT count(*) FROM doubt"), 1);
		/* Five days later. */
		add_days(w, -6, -2);
	}
	/* More than a week later it is believed: it was a long rest. */
	add_days(w, -8, -7);
	assert_int_equal(run_days(w, "ledger/drop_partitions", 400), 1);
	assert_true(run_days(w, "ledger/drop_chunks", 30) > 0);
	run_days(w, "ledger/drop_doubts", 30);
	assert_int_equal(world_number(w, "SELECT count(*) FROM doubt"), 0);
}

static void nothing_goes_before_today_has_its_partition(void **state)
{
	struct world *w = *state;
	add_days(w, -500, -450);
	world_sql(
		w,
		"SELECT outcome_partition_drop(c.relname) FROM pg_inherits i"
		" JOIN pg_class c ON c.oid = i.inhrelid"
		" WHERE i.inhparent = 'outcome'::regclass"
		" AND c.relname > 'outcome_' || to_char(now() - interval '100 days', 'YYYYMMDD')");
	assert_int_equal(run_days(w, "ledger/drop_partitions", 400), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_oldest_day_goes_when_it_is_too_old),
		TEST(nothing_goes_when_the_clock_has_gone_ahead),
		TEST(nothing_goes_before_today_has_its_partition),
	};
	return cmocka_run_group_tests(tests, world_serve, world_serve_end);
}
