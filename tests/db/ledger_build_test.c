/* SPDX-License-Identifier: MIT */
/* The audience: cut, groups, exclusion, suppression, resumption, two builders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/db/ledger_world.h"

static void everybody_is_in_once_and_in_the_right_group(void **state)
{
	struct world *w = *state;
	world_people(w, "qq.com", "qq", 25000);
	world_people(w, "foxmail.com", "qq", 300);
	world_people(w, "big.example", NULL, 1500);
	world_people(w, "small.example", NULL, 700);
	world_people(w, "tiny.example", NULL, 3);
	world_campaign(w, 1);
	world_build(w, 0);
	assert_int_equal(w->built.end, BUILD_COMPLETE);
	assert_int_equal(w->built.total, 27503);
	world_check(w);
	assert_int_equal(world_count(w, RECIPIENT_WAITING), 27503);
	static const struct {
		const char *group;
		int64_t want;
	} groups[] = {{"qq", 25300}, {"big.example", 1500}, {"tail", 703}};
	for (size_t i = 0; i < ARRAY_LEN(groups); i++)
		assert_int_equal(world_number(w, "SELECT sum(n) FROM chunk WHERE group_name = '%s'",
					      groups[i].group),
				 groups[i].want);
	/* Ordered by domain and rid, the ends kept on the chunk. */
	assert_int_equal(world_number(w,
				      "SELECT count(*) FROM chunk JOIN chunk_data d USING "
				      "(campaign_id, chunk_no) WHERE (first_domain, first_rid) <> "
				      "(d.domains[1], d.rids[1]) OR (last_domain, last_rid) <> "
				      "(d.domains[n], d.rids[n]) OR d.rids <> ARRAY(SELECT r FROM "
				      "unnest(d.domains, d.rids) x(m, r) ORDER BY m, r)"),
			 0);
	/* The first batch is small, so that sending starts at once. */
	assert_in_range(world_number(w, "SELECT n FROM build_batch WHERE batch_no = 1"), 1, 3000);
}

static void members_of_several_lists_get_one_message(void **state)
{
	struct world *w = *state;
	world_people(w, "qq.com", "qq", 2000);
	world_campaign(w, 1);
	world_sql(w, "INSERT INTO list(name) VALUES ('second'), ('no')");
	/* The second list stands before the first: its attributes count. */
	world_sql(w, "INSERT INTO list_member(list_id, domain_id, rid, attributes) SELECT 2, "
		     "domain_id, rid, '{\"from\": \"second\"}' FROM list_member WHERE list_id = 1 "
		     "ORDER BY rid LIMIT 500");
	world_sql(w, "INSERT INTO list_domain_count SELECT 2, domain_id, count(*) FROM list_member "
		     "WHERE list_id = 2 GROUP BY 2");
	/* Excluded, even though unsubscribed from that list. */
	world_sql(w,
		  "INSERT INTO list_member(list_id, domain_id, rid, status) SELECT 3, domain_id, "
		  "rid, 2 FROM list_member WHERE list_id = 1 ORDER BY rid DESC LIMIT 100");
	/* Unsubscribed members are not in the audience. */
	world_sql(w,
		  "UPDATE list_member SET status = 2 WHERE (list_id, rid) IN (SELECT list_id, rid "
		  "FROM list_member WHERE list_id = 1 ORDER BY rid OFFSET 1000 LIMIT 50)");
	world_sql(w, "UPDATE campaign_list SET position = 1");
	world_sql(w, "INSERT INTO campaign_list VALUES (%d, 2, false, 0), (%d, 3, true, 0)",
		  (int)w->campaign, (int)w->campaign);
	world_build(w, 0);
	assert_int_equal(w->built.total, 2000 - 100 - 50);
	world_check(w);
	assert_int_equal(world_number(w, "SELECT count(*) FROM chunk_data, unnest(attributes) a "
					 "WHERE a LIKE '%%second%%'"),
			 500);
}

static void the_suppressed_count_and_are_settled_at_the_freeze(void **state)
{
	struct world *w = *state;
	world_people(w, "qq.com", "qq", 3000);
	world_campaign(w, 1);
	world_sql(w, "INSERT INTO suppression(rid, scope, cause) SELECT rid, 0, 4 FROM recipient "
		     "ORDER BY rid LIMIT 10");
	world_sql(w, "INSERT INTO suppression(rid, scope, cause) SELECT rid, 1, 2 FROM recipient "
		     "ORDER BY rid DESC LIMIT 5");
	/* Of another list, and lapsed: neither counts. */
	world_sql(w,
		  "INSERT INTO suppression(rid, scope, cause, until) SELECT rid, 9, 2, NULL FROM "
		  "recipient ORDER BY rid OFFSET 100 LIMIT 5");
	world_sql(w,
		  "INSERT INTO suppression(rid, scope, cause, until) SELECT rid, 0, 4, now() FROM "
		  "recipient ORDER BY rid OFFSET 200 LIMIT 5");
	world_build(w, 0);
	assert_int_equal(w->built.total, 3000);
	assert_int_equal(world_count(w, RECIPIENT_SUPPRESSED), 15);
	assert_int_equal(world_count(w, RECIPIENT_WAITING), 2985);
	world_check(w);
}

static void routes_win_over_providers(void **state)
{
	struct world *w = *state;
	world_people(w, "qq.com", "qq", 20);
	world_people(w, "a.example", NULL, 20);
	world_sql(w, "INSERT INTO route(domain, host, port) VALUES ('qq.com', '127.0.0.1', 2525), "
		     "('*', 'relay.example', 25)");
	world_campaign(w, 1);
	world_build(w, 0);
	assert_int_equal(world_number(w, "SELECT n FROM chunk WHERE group_name = '127.0.0.1:2525'"),
			 20);
	assert_int_equal(
		world_number(w, "SELECT n FROM chunk WHERE group_name = 'relay.example:25'"), 20);
}

static void a_build_that_died_is_taken_up_where_it_stopped(void **state)
{
	struct world *w = *state;
	world_people(w, "qq.com", "qq", 90000);
	world_campaign(w, 1);
	world_build(w, 2);
	assert_true(w->is_waiting);
	int64_t before = world_number(w, "SELECT count(*) FROM build_batch");
	assert_in_range(before, 2, 5);
	world_check(w);
	/* Who left since the freeze comes in where nothing is built yet, but nobody twice. */
	world_build(w, 0);
	assert_int_equal(w->built.end, BUILD_COMPLETE);
	assert_int_equal(w->built.total, 90000);
	world_check(w);
	/* A third time there is nothing to do. */
	world_build(w, 0);
	assert_int_equal(w->built.end, BUILD_COMPLETE);
	assert_int_equal(w->batches, 0);
}

struct watched_build {
	struct world *w;
	struct build_result result;
	int64_t heard_us;      /* when the holder's transaction was last heard */
	size_t batches, fresh; /* before how many it was */
	bool is_over;
};

static void on_watched_batch(void *owner, int32_t people, int32_t chunks)
{
	struct watched_build *watched = owner;
	(void)people;
	(void)chunks;
	int64_t heard_us = world_number(
		watched->w, "SELECT (extract(epoch FROM max(state_change)) * 1000000)::bigint FROM "
			    "pg_stat_activity WHERE application_name = 'edm build' AND state = "
			    "'idle in transaction'");
	watched->fresh += heard_us > watched->heard_us;
	watched->heard_us = heard_us;
	watched->batches++;
}

static void on_watched_end(void *owner, const struct build_result *result)
{
	struct watched_build *watched = owner;
	watched->result = *result;
	watched->is_over = true;
}

/* PostgreSQL ends transactions that idle for long, as the holder's would through a long build. */
static void the_holder_is_heard_with_every_batch(void **state)
{
	struct watched_build watched = {.w = *state};
	struct world *w = *state;
	struct build_events events = {
		.on_batch = on_watched_batch, .on_end = on_watched_end, .owner = &watched};
	world_people(w, "qq.com", "qq", 10);
	world_people(w, "163.com", "netease", 10);
	world_people(w, "gmail.com", "gmail", 10);
	world_people(w, "other.example", NULL, 10);
	world_campaign(w, 1);
	struct builder *b = builder_open(w->loop, w->url);
	builder_start(b, w->campaign, &events);
	while (!watched.is_over)
		loop_turn(w->loop, true);
	builder_close(b);
	loop_turn(w->loop, false);
	assert_int_equal(watched.result.end, BUILD_COMPLETE);
	assert_int_equal(watched.batches, 4);
	assert_int_equal(watched.fresh, 4);
}

/* Two builds by one builder; after the first batch of each, somebody of
 * the second leaves. */
struct left_build {
	struct world *w;
	struct build_result result;
	int batches;
};

static void on_left_batch(void *owner, int32_t people, int32_t chunks)
{
	struct left_build *left = owner;
	(void)people;
	(void)chunks;
	if (left->batches++ == 0)
		world_sql(left->w, "UPDATE list_member SET status = 2 WHERE rid = (SELECT max(rid) "
				   "FROM list_member JOIN recipient_domain USING (domain_id) WHERE "
				   "name = 'tail.example' AND status = 1)");
}

static void on_left_end(void *owner, const struct build_result *result)
{
	struct left_build *left = owner;
	left->result = *result;
	left->w->is_waiting = false;
}

static void all_batches_look_through_one_snapshot(void **state)
{
	struct world *w = *state;
	world_people(w, "qq.com", "qq", 10);
	world_people(w, "tail.example", NULL, 10);
	struct builder *b = builder_open(w->loop, w->url);
	struct left_build builds[2] = {{.w = w}, {.w = w}};
	for (size_t i = 0; i < ARRAY_LEN(builds); i++) {
		struct build_events events = {
			.on_batch = on_left_batch, .on_end = on_left_end, .owner = &builds[i]};
		world_campaign(w, 1);
		w->is_waiting = true;
		builder_start(b, w->campaign, &events);
		while (w->is_waiting)
			loop_turn(w->loop, true);
	}
	builder_close(b);
	loop_turn(w->loop, false);
	for (size_t i = 0; i < ARRAY_LEN(builds); i++) {
		assert_int_equal(builds[i].result.end, BUILD_COMPLETE);
		assert_int_equal(builds[i].batches, 2);
		assert_int_equal(builds[i].result.total, 20 - i);
	}
	world_check(w);
}

static void two_builders_do_not_build_twice(void **state)
{
	struct world *w = *state;
	struct err err;
	world_people(w, "qq.com", "qq", 5000);
	world_campaign(w, 1);
	struct pg_blocking *other = pg_open_blocking(w->url, "other", &err);
	struct pg_params params;
	pg_params_init(&params);
	pg_add_int4(&params, w->campaign);
	assert_int_equal(pg_run(other, "ledger/build_lock", &params, NULL, &err), 0);
	world_build(w, 0);
	assert_int_equal(w->built.end, BUILD_BUSY);
	pg_close_blocking(other);
	pg_params_done(&params);
	while (world_number(w, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") > 0)
		loop_turn(w->loop, false);
	/* Should the lock fail all the same, the keys hold: the same batch again is refused. */
	world_build(w, 0);
	assert_int_equal(w->built.end, BUILD_COMPLETE);
	world_sql(w, "UPDATE audience SET complete = false");
	pg_params_init(&params);
	pg_add_int4(&params, w->campaign);
	pg_add_int4(&params, 1);
	pg_add_text(&params, STR("qq"));
	pg_add_int4(&params, 1);
	pg_add_int4(&params, 1);
	pg_add_int8(&params, INT64_MIN);
	pg_add_int8(&params, INT64_MAX);
	assert_int_equal(pg_run(w->conn, "ledger/build_batch", &params, NULL, &err), -1);
	assert_true(pg_err_is(&err, "23505"));
	pg_params_done(&params);
	world_check(w);
}

static void an_audience_of_another_campaign(void **state)
{
	struct world *w = *state;
	world_people(w, "qq.com", "qq", 10);
	world_campaign(w, 1);
	world_build(w, 0);
	struct member_id id = world_register(w, "mx1");
	assert_int_equal(world_claim(w, id, "qq", 9), 1);
	struct flush *f = w->flush;
	size_t k = world_target(f, &w->leases[0]);
	world_settle(w, k, &w->leases[0], 0, RECIPIENT_DELIVERED);
	world_settle(w, k, &w->leases[0], 1, RECIPIENT_BOUNCED);
	world_settle(w, k, &w->leases[0], 2, RECIPIENT_UNKNOWN);
	flush_release(f, k);
	assert_int_equal(world_flush(w, f, id), 1);
	world_sql(w, "UPDATE campaign SET state = 6");
	world_settle_ended(w);
	world_check(w);
	int32_t first = w->campaign;
	static const struct {
		const char *states;
		int64_t want;
	} cases[] = {{"{5}", 1}, {"{5,11}", 2}, {"{10}", 7}, {"{4,10}", 8}, {"{8}", 0}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		world_campaign(w, 1);
		world_sql(w,
			  "UPDATE campaign SET audience_of = %d, audience_states = '%s' "
			  "WHERE campaign_id = %d",
			  (int)first, cases[i].states, (int)w->campaign);
		world_build(w, 0);
		assert_int_equal(w->built.total, cases[i].want);
		world_check(w);
	}
}

/* Of this session, since its statistics were last reported. */
static int64_t scans_of(struct world *w, const char *tables)
{
	return world_number(w,
			    "SELECT coalesce(sum(seq_scan + coalesce(idx_scan, 0)), 0)::bigint "
			    "FROM pg_stat_xact_user_tables WHERE relname LIKE '%s'",
			    tables);
}

/* However much has been sent before, a campaign of its own lists begins at once. */
static void a_freeze_reads_no_outcome_of_others(void **state)
{
	struct world *w = *state;
	struct err err;
	world_people(w, "qq.com", "qq", 10);
	for (int with = 0; with < 2; with++) {
		int32_t before = w->campaign;
		world_campaign(w, 1);
		if (with)
			world_sql(w,
				  "UPDATE campaign SET audience_of = %d, audience_states = '{4}' "
				  "WHERE campaign_id = %d",
				  (int)before, (int)w->campaign);
		struct pg_params params;
		pg_params_init(&params);
		pg_add_int4(&params, w->campaign);
		pg_add_int4(&params, BUILD_BATCH_SIZE);
		pg_add_int4(&params, BUILD_BIG_DOMAIN);
		world_sql(w, "BEGIN");
		int64_t scans = scans_of(w, "outcome%");
		assert_int_equal(pg_run(w->conn, "ledger/freeze", &params, NULL, &err), 0);
		assert_int_equal(scans_of(w, "outcome%") > scans, with);
		world_sql(w, "COMMIT");
		pg_params_done(&params);
	}
}

/* Two hundred campaigns that run are asked for with one reading of the counters. */
static void one_reading_tells_which_campaigns_are_done(void **state)
{
	struct world *w = *state;
	world_people(w, "qq.com", "qq", 10);
	for (int i = 0; i < 5; i++) {
		world_campaign(w, 1);
		world_build(w, 0);
	}
	world_sql(w, "DELETE FROM moves_delta WHERE campaign_id = %d", (int)w->campaign);
	world_sql(w, "BEGIN");
	int64_t scans = scans_of(w, "moves_delta");
	world_run(w, "campaign/finish_done");
	assert_int_equal(scans_of(w, "moves_delta") - scans, 1);
	assert_int_equal(world_number(w, "SELECT count(*) FROM campaign WHERE state = 5"), 1);
	assert_int_equal(world_number(w, "SELECT state FROM campaign WHERE campaign_id = %d",
				      (int)w->campaign),
			 5);
	world_sql(w, "ROLLBACK");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
		TEST(everybody_is_in_once_and_in_the_right_group),
		TEST(members_of_several_lists_get_one_message),
		TEST(the_suppressed_count_and_are_settled_at_the_freeze),
		TEST(routes_win_over_providers),
		TEST(a_build_that_died_is_taken_up_where_it_stopped),
		TEST(the_holder_is_heard_with_every_batch),
		TEST(all_batches_look_through_one_snapshot),
		TEST(two_builders_do_not_build_twice),
		TEST(an_audience_of_another_campaign),
		TEST(a_freeze_reads_no_outcome_of_others),
		TEST(one_reading_tells_which_campaigns_are_done),
	};
	return cmocka_run_group_tests(tests, world_serve, world_serve_end);
}
