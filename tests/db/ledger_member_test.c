/* SPDX-License-Identifier: MIT */
/* Heartbeats on the loop, and the housekeeping every node runs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "engine/base/clock.h"
#include "scheduler/ledger/roster.h"
#include "scheduler/ledger/upkeep.h"
#include "tests/db/ledger_world.h"

#define BEAT_MS 100

struct fixture {
	struct world w;
	struct member_id id;
	int beats, drainings, fences, reaped, outdated;
	char needed[32]; /* engine, as last told */
	struct member_held held;
};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	world_open(&f->w);
	world_people(&f->w, "qq.com", "qq", 100);
	world_campaign(&f->w, 1);
	world_build(&f->w, 0);
	f->id = world_register(&f->w, "mx1");
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	world_check(&f->w);
	world_close(&f->w);
	free(f);
	return 0;
}

static void on_beat(void *owner, const struct member_held *held)
{
	struct fixture *f = owner;
	f->beats++;
	f->held = *held;
}

static void on_draining(void *owner)
{
	((struct fixture *)owner)->drainings++;
}

static void on_fenced(void *owner)
{
	((struct fixture *)owner)->fences++;
}

static void on_outdated(void *owner, struct str needed)
{
	struct fixture *f = owner;
	f->outdated++;
	must(str_to_cstr(needed, f->needed, sizeof(f->needed)) == 0);
}

static struct member *open_member(struct fixture *f)
{
	struct member_options options = {
		.id = f->id,
		.times = {WORLD_LEASE_MS, BEAT_MS, WORLD_MARGIN_MS},
		.registered_at_ms = loop_now_ms(f->w.loop),
		.events = {.on_beat = on_beat,
			   .on_draining = on_draining,
			   .on_outdated = on_outdated,
			   .on_fenced = on_fenced,
			   .owner = f},
	};
	struct member *m = member_open(f->w.loop, f->w.pg, &options);
	int before = f->beats;
	while (f->beats == before && f->fences == 0)
		loop_turn(f->w.loop, true);
	return m;
}

/* The connection stays for the test, so whatever beat is under way is awaited first. */
static void close_member(struct fixture *f, struct member *m)
{
	while (pg_calls_open(f->w.pg) > 0)
		loop_turn(f->w.loop, true);
	member_close(m);
}

static void a_heartbeat_keeps_the_lease_and_tells_the_time(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(world_claim(&f->w, f->id, "qq", 1), 1);
	struct member *m = open_member(f);
	assert_int_equal(f->held.count, 1);
	int64_t now = clock_now_ms();
	assert_true(member_holds(m, now));
	assert_false(member_holds(m, now + WORLD_LEASE_MS - WORLD_MARGIN_MS));
	/* One machine, one clock: the database's time is this machine's, within a second. */
	int64_t skew = member_database_us(m, clock_now_us()) - clock_wall_us();
	assert_in_range(skew + 1000000, 0, 2000000);
	close_member(f, m);
}

/* What the node that made the last claim holds, as it would say. */
static struct member_held held_by(const struct world *w)
{
	struct member_held held = {0};
	for (size_t i = 0; i < w->lease_count; i++)
		member_held_add(&held, w->leases[i].key, w->leases[i].epoch);
	return held;
}

/* The numbers are as large and as small as they get. */
static void a_heartbeat_tells_which_chunks_it_counts(void **state)
{
	struct fixture *f = *state;
	struct world *w = &f->w;
	world_sql(w, "INSERT INTO campaign(campaign_id, name, state, from_address, started_at) "
		     "VALUES (2147483647, 'last', 3, 'a@b.example', now())");
	world_sql(w, "INSERT INTO chunk SELECT (c).* FROM (SELECT jsonb_populate_record("
		     "NULL::chunk, to_jsonb(one) || jsonb_build_object('campaign_id', 2147483647, "
		     "'chunk_no', at, 'epoch', 2147483646)) AS c FROM (SELECT * FROM chunk LIMIT 1)"
		     " one, (VALUES (-2147483648), (2147483647)) x(at)) y");
	w->campaign = INT32_MAX;
	assert_int_equal(world_claim(w, f->id, "qq", 9), 2);
	struct member *m = open_member(f);
	struct member_held want = held_by(w);
	assert_int_equal(f->held.count, want.count);
	assert_int_equal(f->held.sum, want.sum);
	close_member(f, m);
	/* One lost, one stray: as many as before. */
	world_sql(w, "UPDATE chunk SET epoch = epoch - 1 WHERE chunk_no = 2147483647");
	m = open_member(f);
	assert_int_equal(f->held.count, want.count);
	assert_int_not_equal(f->held.sum, want.sum);
	close_member(f, m);
	world_sql(w, "DELETE FROM campaign WHERE campaign_id = 2147483647");
	w->campaign = 1;
}

static void an_expired_lease_revives_and_a_taken_incarnation_does_not(void **state)
{
	struct fixture *f = *state;
	world_sql(&f->w,
		  "UPDATE node SET lease_until = now() - interval '1 min', alive_since = now() "
		  "- interval '1 h'");
	struct member *m = open_member(f);
	assert_int_equal(f->fences, 0);
	/* It has only just come back, so it may not reap yet. */
	assert_int_equal(world_number(&f->w,
				      "SELECT count(*) FROM node WHERE lease_until > now() AND "
				      "alive_since > now() - interval '1 min'"),
			 1);
	close_member(f, m);
	world_sql(&f->w, "UPDATE node SET incarnation = incarnation + 1");
	m = open_member(f);
	assert_int_equal(f->fences, 1);
	assert_false(member_holds(m, clock_now_ms()));
	close_member(f, m);
}

static void draining_is_told_once(void **state)
{
	struct fixture *f = *state;
	world_sql(&f->w, "UPDATE node SET state = 2");
	struct member *m = open_member(f);
	int before = f->beats;
	while (f->beats == before)
		loop_turn(f->w.loop, true);
	assert_int_equal(f->drainings, 1);
	close_member(f, m);
}

static void a_schema_that_needs_a_newer_engine_is_told_once(void **state)
{
	struct fixture *f = *state;
	struct member *m = open_member(f);
	world_sql(&f->w, "INSERT INTO migration(version, name, min_engine) VALUES "
			 "(9998, 'allowed', '" EDM_VERSION "'), (9999, 'later', '0.100.0')");
	for (int before = f->beats; f->beats < before + 2;)
		loop_turn(f->w.loop, true);
	assert_int_equal(f->outdated, 1);
	assert_string_equal(f->needed, "0.100.0");
	assert_true(member_holds(m, clock_now_ms()));
	close_member(f, m);
}

static void a_schema_that_allows_this_engine_is_no_news(void **state)
{
	struct fixture *f = *state;
	world_sql(&f->w, "INSERT INTO migration(version, name, min_engine) VALUES "
			 "(9998, 'allowed', '" EDM_VERSION "'), (9999, 'older', '0.0.99')");
	struct member *m = open_member(f);
	assert_int_equal(f->outdated, 0);
	close_member(f, m);
}

static void on_reaped(void *owner, int32_t node, struct str name)
{
	struct fixture *f = owner;
	(void)node;
	f->reaped += str_equals(name, STR("mx2"));
}

/* mx2 died, mx3 had stopped in order: reaping both, as is due, does not make them alike. */
static void check_roster(struct fixture *f)
{
	struct roster r;
	struct err err;
	if (roster_load(f->w.conn, &r, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(r.count, 3);
	assert_false(roster_find(&r, STR("mx2"))->is_alive);
	assert_false(roster_find(&r, STR("mx2"))->has_left);
	assert_true(roster_find(&r, STR("mx3"))->has_left);
	roster_done(&r);
	assert_int_equal(world_number(&f->w, "SELECT count(*) FROM node "
					     "WHERE lease_until = '-infinity'"),
			 2);
}

static void every_duty_runs_and_the_dead_are_reaped(void **state)
{
	struct fixture *f = *state;
	struct member_id other = world_register(&f->w, "mx2");
	(void)world_register(&f->w, "mx3");
	assert_int_equal(world_claim(&f->w, other, "qq", 1), 1);
	world_sql(
		&f->w,
		"UPDATE node SET lease_until = now() + CASE name WHEN 'mx1' THEN interval '1 min' "
		"ELSE interval '-1 s' END, alive_since = now() - interval '1 h', "
		"beat_at = now() - CASE name WHEN 'mx3' THEN interval '1 s' "
		"ELSE interval '9 s' END");
	struct upkeep_options options = {.id = f->id,
					 .lease_ms = WORLD_LEASE_MS,
					 .chunk_days = 30,
					 .on_reaped = on_reaped,
					 .owner = f};
	struct upkeep *u = upkeep_open(f->w.loop, f->w.pg, &options);
	uint64_t runs = 0;
	for (size_t i = 0; upkeep_duty(u, i, &runs) != NULL; i++)
		while (upkeep_duty(u, i, &runs) != NULL && runs == 0)
			loop_turn(f->w.loop, true);
	while (world_count(&f->w, RECIPIENT_WAITING) == 0)
		loop_turn(f->w.loop, true);
	assert_int_equal(f->reaped, 1);
	check_roster(f);
	assert_int_equal(world_number(&f->w, "SELECT count(*) FROM doubt WHERE open"), 1);
	/* The connection first: a duty's reply would come back to what is freed. */
	pg_close(f->w.pg);
	f->w.pg = NULL;
	upkeep_close(u);
}

static uint64_t runs_of(const struct upkeep *u, const char *duty)
{
	uint64_t runs = 0;
	const char *name;
	for (size_t i = 0; (name = upkeep_duty(u, i, &runs)) != NULL; i++)
		if (strcmp(name, duty) == 0)
			return runs;
	fail_msg("no duty %s", duty);
	return 0;
}

static void run_more(struct fixture *f, const struct upkeep *u, const char *duty, uint64_t more)
{
	uint64_t until = runs_of(u, duty) + more;
	while (runs_of(u, duty) < until)
		loop_turn(f->w.loop, true);
}

/* A finished campaign that got people to send to goes on when somebody says so, and at the start:
 * it is not looked for with every round. */
static void a_finished_campaign_goes_on_after_a_late_word(void **state)
{
	struct fixture *f = *state;
	static const char finish[] = "UPDATE campaign SET state = 5, finished_at = now()";
	static const char running[] = "SELECT count(*) FROM campaign WHERE state = 3";
	world_sql(&f->w, finish);
	struct upkeep_options options = {
		.id = f->id, .lease_ms = WORLD_LEASE_MS, .chunk_days = 30, .owner = f};
	struct upkeep *u = upkeep_open(f->w.loop, f->w.pg, &options);
	run_more(f, u, "campaign/reopen_late", 1);
	assert_int_equal(world_number(&f->w, running), 1);
	world_sql(&f->w, finish);
	run_more(f, u, "ledger/roll_up", 3);
	assert_int_equal(world_number(&f->w, running), 0);
	upkeep_reopen(u);
	run_more(f, u, "campaign/reopen_late", 1);
	assert_int_equal(world_number(&f->w, running), 1);
	pg_close(f->w.pg);
	f->w.pg = NULL;
	upkeep_close(u);
}

/* Runs every duty of the upkeep once, and closes the world's connection. */
static void run_upkeep(struct fixture *f)
{
	struct upkeep_options options = {
		.id = f->id, .lease_ms = WORLD_LEASE_MS, .chunk_days = 30, .owner = f};
	struct upkeep *u = upkeep_open(f->w.loop, f->w.pg, &options);
	uint64_t runs = 0;
	for (size_t i = 0; upkeep_duty(u, i, &runs) != NULL; i++)
		while (upkeep_duty(u, i, &runs) != NULL && runs == 0)
			loop_turn(f->w.loop, true);
	pg_close(f->w.pg);
	f->w.pg = NULL;
	upkeep_close(u);
}

/* What waits for a node that is gone is freed, also when the one that reaped it did not get to it,
 * and what comes in later. */
static void nothing_waits_for_a_dead_node(void **state)
{
	struct fixture *f = *state;
	struct member_id dead = world_register(&f->w, "mx2");
	world_sql(&f->w, "INSERT INTO source(name, address, ehlo) VALUES ('s', '127.0.0.2', 's')");
	world_sql(&f->w,
		  "UPDATE node SET lease_until = '-infinity', reaped_at = now() WHERE node_id = %d",
		  (int)dead.node);
	world_sql(&f->w, "UPDATE chunk SET meant_for = %d", (int)dead.node);
	run_upkeep(f);
	assert_int_equal(
		world_number(&f->w, "SELECT count(*) FROM chunk WHERE meant_for IS NOT NULL"), 0);
}

/* mx2 has a source that may send, mx3 a paused and a drained one; all chunks are meant for this
 * node. How many still are after an upkeep. */
static int64_t meant_after_upkeep(struct fixture *f, struct member_id node)
{
	world_sql(&f->w, "INSERT INTO source(name, address, ehlo, node_name, state) VALUES "
			 "('a', '127.0.0.2', 'a', 'mx2', 1), ('b', '127.0.0.3', 'b', 'mx3', 1), "
			 "('c', '127.0.0.4', 'c', 'mx3', 2)");
	world_sql(&f->w, "INSERT INTO pause(scope, source_name, origin, who, why) VALUES "
			 "(3, 'b', 1, 'li', 'moving')");
	world_sql(&f->w, "UPDATE chunk SET meant_for = %d", (int)node.node);
	run_upkeep(f);
	return world_number(&f->w, "SELECT count(*) FROM chunk WHERE meant_for IS NOT NULL");
}

static void what_waits_for_a_node_that_may_send_waits_on(void **state)
{
	struct fixture *f = *state;
	struct member_id able = world_register(&f->w, "mx2");
	assert_int_equal(meant_after_upkeep(f, able), 1);
}

/* Its last source was paused or drained after the packing. */
static void nothing_waits_for_a_node_without_a_source(void **state)
{
	struct fixture *f = *state;
	struct member_id unable = world_register(&f->w, "mx3");
	assert_int_equal(meant_after_upkeep(f, unable), 0);
}

/* Who would rather be tried from its address again is not packed for it. */
static void nobody_is_packed_for_a_dead_node(void **state)
{
	struct fixture *f = *state;
	struct member_id dead = world_register(&f->w, "mx2"), alive = world_register(&f->w, "mx3");
	world_sql(&f->w, "UPDATE node SET lease_until = '-infinity' WHERE node_id = %d",
		  (int)dead.node);
	assert_int_equal(world_claim(&f->w, alive, "qq", 1), 1);
	const struct lease *lease = &f->w.leases[0];
	size_t k = world_target(f->w.flush, lease);
	world_settle(&f->w, k, lease, 0, RECIPIENT_DEFERRED);
	world_settle(&f->w, k, lease, 1, RECIPIENT_DEFERRED);
	assert_int_equal(world_flush(&f->w, f->w.flush, alive), 1);
	world_sql(&f->w, "INSERT INTO source(name, address, ehlo) VALUES ('s', '127.0.0.2', 's')");
	world_sql(&f->w,
		  "UPDATE retry SET source_id = (SELECT source_id FROM source), prefer_until = "
		  "now() + interval '1 h', "
		  "due_at = now() - interval '1 h', "
		  "node_id = CASE WHEN rid = (SELECT max(rid) FROM retry) THEN %d ELSE %d END",
		  (int)dead.node, (int)alive.node);
	assert_int_equal(world_pack(&f->w), 2);
	assert_int_equal(world_number(&f->w, "SELECT count(*) FROM chunk JOIN chunk_data USING "
					     "(campaign_id, chunk_no) WHERE meant_for IS NULL AND "
					     "chunk_no < 0 AND sources = '{0}'"),
			 1);
	assert_int_equal(world_number(&f->w,
				      "SELECT count(*) FROM chunk JOIN chunk_data USING "
				      "(campaign_id, chunk_no) WHERE meant_for = %d AND "
				      "sources = (SELECT ARRAY[source_id] FROM source)",
				      (int)alive.node),
			 1);
}

static int64_t partitions_of_today(struct fixture *f)
{
	return world_number(&f->w, "SELECT count(*) FROM pg_class WHERE relname = 'outcome_' || "
				   "to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD')");
}

/* The machine slept for a month, or its clock was set: the day is another one all at once. */
static void a_day_without_a_partition_soon_has_one(void **state)
{
	struct fixture *f = *state;
	struct upkeep_options options = {
		.id = f->id, .lease_ms = WORLD_LEASE_MS, .chunk_days = 30, .owner = f};
	struct upkeep *u = upkeep_open(f->w.loop, f->w.pg, &options);
	run_more(f, u, "ledger/add_partitions", 1);
	world_sql(&f->w, "SELECT outcome_partition_drop('outcome_' || "
			 "to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD'))");
	assert_int_equal(partitions_of_today(f), 0);
	run_more(f, u, "ledger/add_partitions", 1);
	assert_int_equal(partitions_of_today(f), 1);
	pg_close(f->w.pg);
	f->w.pg = NULL;
	upkeep_close(u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(a_heartbeat_keeps_the_lease_and_tells_the_time),
		TEST(a_heartbeat_tells_which_chunks_it_counts),
		TEST(an_expired_lease_revives_and_a_taken_incarnation_does_not),
		TEST(draining_is_told_once),
		TEST(a_schema_that_needs_a_newer_engine_is_told_once),
		TEST(a_schema_that_allows_this_engine_is_no_news),
		TEST(every_duty_runs_and_the_dead_are_reaped),
		TEST(a_finished_campaign_goes_on_after_a_late_word),
		TEST(nothing_waits_for_a_dead_node),
		TEST(what_waits_for_a_node_that_may_send_waits_on),
		TEST(nothing_waits_for_a_node_without_a_source),
		TEST(nobody_is_packed_for_a_dead_node),
		TEST(a_day_without_a_partition_soon_has_one),
	};
	return cmocka_run_group_tests(tests, world_serve, world_serve_end);
}
