/* SPDX-License-Identifier: MIT */
/*
 * Claim, flush, reap, doubt and what follows, statement by statement: every case in which a reply
 * is lost or somebody is too late.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/db/ledger_world.h"

static int setup(void **state)
{
	struct world *w = world_new();
	world_people(w, "qq.com", "qq", 2000);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	world_check(*state);
	return world_teardown(state);
}

/* A built campaign and one chunk claimed by mx1. */
static struct member_id begin(struct world *w, int policy, struct lease *lease)
{
	world_campaign(w, policy);
	world_build(w, 0);
	struct member_id id = world_register(w, "mx1");
	assert_int_equal(world_claim(w, id, "qq", 1), 1);
	*lease = w->leases[0];
	return id;
}

static void a_claim_opens_the_first_people(void **state)
{
	struct world *w = *state;
	struct lease lease;
	struct member_id id = begin(w, 1, &lease);
	assert_int_equal(lease.epoch, 1);
	assert_int_equal(positions_count(&lease.open), WORLD_FIRST_CREDITS);
	assert_true(positions_has(&lease.open, 0) && !positions_has(&lease.open, 32));
	assert_int_equal(world_count(w, RECIPIENT_LEASED), lease.people);
	/* Not of a campaign that is paused, not by a node that drains, nor under an old
	 * incarnation. */
	world_sql(w, "UPDATE campaign SET state = 4");
	assert_int_equal(world_claim(w, id, "qq", 9), 0);
	world_sql(w, "UPDATE campaign SET state = 3");
	world_sql(w, "UPDATE node SET state = 2");
	assert_int_equal(world_claim(w, id, "qq", 9), 0);
	world_sql(w, "UPDATE node SET state = 1, incarnation = incarnation + 1");
	assert_int_equal(world_claim(w, id, "qq", 9), 0);
	world_sql(w, "UPDATE node SET incarnation = incarnation - 1, lease_until = now()");
	assert_int_equal(world_claim(w, id, "qq", 9), 0);
}

static void a_chunk_meant_for_another_node_is_left_alone(void **state)
{
	struct world *w = *state;
	struct lease lease;
	struct member_id id = begin(w, 1, &lease);
	struct member_id other = world_register(w, "mx2");
	world_sql(w, "UPDATE chunk SET meant_for = %d WHERE state = 0", (int)other.node);
	assert_int_equal(world_claim(w, id, "qq", 9), 0);
	assert_true(world_claim(w, other, "qq", 9) > 0);
}

static void a_repeated_flush_changes_nothing(void **state)
{
	struct world *w = *state;
	struct lease lease;
	struct member_id id = begin(w, 1, &lease);
	struct flush *f = w->flush;
	size_t k = world_target(f, &lease);
	world_settle(w, k, &lease, 0, RECIPIENT_DELIVERED);
	world_settle(w, k, &lease, 1, RECIPIENT_DEFERRED);
	world_settle(w, k, &lease, 2, RECIPIENT_BOUNCED);
	flush_usage(f, &(struct usage){.minute_us = w->now_us - w->now_us % 60000000,
				       .source_id = 1,
				       .campaign = w->campaign,
				       .messages = 3,
				       .connections = 1,
				       .target = STR("qq")});
	struct positions open = lease.open;
	positions_add(&open, 40);
	flush_open(f, k, &open);
	assert_int_equal(world_flush(w, f, id), 1);
	/* Its reply was lost: the same again. */
	assert_int_equal(world_flush(w, f, id), 0);
	assert_int_equal(world_number(w, "SELECT count(*) FROM outcome"), 3);
	assert_int_equal(world_number(w, "SELECT count(*) FROM retry"), 1);
	assert_int_equal(world_number(w, "SELECT count(*) FROM suppression_feed WHERE NOT folded"),
			 1);
	assert_int_equal(world_number(w, "SELECT count(*) FROM reply_template"), 1);
	assert_int_equal(world_number(w, "SELECT max(messages) FROM limit_usage"), 3);
	world_run(w, "ledger/fold_usage");
	/* Settled positions are closed, the new credit is open. */
	assert_int_equal(world_number(w, "SELECT bit_count(open_map) FROM chunk WHERE state = 1"),
			 WORLD_FIRST_CREDITS - 3 + 1);
}

/* Keeps how many targets were accepted in batches. */
static void on_flushed(void *owner, struct flush *flush, const struct flush_reply *reply)
{
	struct world *w = owner;
	must(reply->fate == PG_DONE && reply->count == flush_targets(flush));
	w->batches = 0;
	for (size_t i = 0; i < reply->count; i++)
		w->batches += reply->answers[i].accepted;
	w->is_waiting = false;
}

/* The connection died with the flush under way; its old backend commits it only after the same
 * flush was sent again on a new connection. */
static void the_old_backend_commits_later(void **state)
{
	struct world *w = *state;
	struct lease lease;
	struct err err;
	struct member_id id = begin(w, 1, &lease);
	struct flush *f = w->flush;
	size_t k = world_target(f, &lease);
	world_settle(w, k, &lease, 0, RECIPIENT_DELIVERED);
	struct pg_blocking *old = pg_open_blocking(w->url, "old backend", &err);
	const struct flush_answer *answers;
	assert_int_equal(pg_run_text(old, "BEGIN", &err), 0);
	assert_int_equal(flush_run(f, old, id, &answers, &err), 0);
	assert_true(answers[0].accepted);
	/* On the new one it waits for the row; then the old transaction commits. */
	struct pg_options options = {.url = w->url, .name = "new"};
	struct pg *fresh = pg_open(w->loop, &options);
	flush_send(f, fresh, id, on_flushed, w);
	w->is_waiting = true;
	while (world_number(w, "SELECT count(*) FROM pg_locks WHERE NOT granted") == 0)
		loop_turn(w->loop, false);
	assert_int_equal(pg_run_text(old, "COMMIT", &err), 0);
	while (w->is_waiting)
		loop_turn(w->loop, true);
	assert_int_equal(w->batches, 0);
	assert_int_equal(world_number(w, "SELECT count(*) FROM outcome"), 1);
	pg_close(fresh);
	loop_turn(w->loop, false);
	pg_close_blocking(old);
}

static void a_fenced_chunk_does_not_harm_the_others(void **state)
{
	struct world *w = *state;
	world_campaign(w, 1);
	world_build(w, 0);
	struct member_id id = world_register(w, "mx1");
	assert_int_equal(world_claim(w, id, "qq", 2), 2);
	world_sql(w, "UPDATE chunk SET epoch = epoch + 1 WHERE chunk_no = %d",
		  (int)w->leases[0].key.chunk);
	struct flush *f = w->flush;
	for (size_t i = 0; i < 2; i++) {
		size_t k = world_target(f, &w->leases[i]);
		world_settle(w, k, &w->leases[i], 0, RECIPIENT_DELIVERED);
		world_settle(w, k, &w->leases[i], 1, RECIPIENT_DEFERRED);
	}
	assert_int_equal(world_flush(w, f, id), 1);
	assert_int_equal(world_count(w, RECIPIENT_DELIVERED), 1);
	assert_int_equal(world_count(w, RECIPIENT_DEFERRED), 1);
	assert_int_equal(world_number(w, "SELECT count(*) FROM outcome WHERE chunk_no = %d",
				      (int)w->leases[0].key.chunk),
			 0);
}

static void a_released_chunk_keeps_what_is_done(void **state)
{
	struct world *w = *state;
	struct lease lease;
	struct member_id id = begin(w, 1, &lease);
	struct flush *f = w->flush;
	size_t k = world_target(f, &lease);
	world_settle(w, k, &lease, 3, RECIPIENT_DELIVERED);
	flush_release(f, k);
	assert_int_equal(world_flush(w, f, id), 1);
	assert_int_equal(world_count(w, RECIPIENT_LEASED), 0);
	world_check(w);
	assert_true(world_claim(w, id, "qq", 9) >= 1);
	for (size_t i = 0; i < w->lease_count; i++) {
		if (w->leases[i].key.chunk != lease.key.chunk)
			continue;
		assert_int_equal(w->leases[i].epoch, lease.epoch + 2);
		assert_true(positions_has(&w->leases[i].done, 3));
		assert_false(positions_has(&w->leases[i].open, 3));
	}
}

static void a_claim_whose_reply_was_lost_is_found_and_given_back(void **state)
{
	struct world *w = *state;
	struct lease lease;
	struct member_id id = begin(w, 1, &lease);
	struct pg_params params;
	struct err err;
	/* What the heartbeat says, what the list says. */
	struct pg_rows *rows = NULL;
	pg_params_init(&params);
	pg_add_int4(&params, id.node);
	pg_add_int4(&params, id.incarnation);
	pg_add_int8(&params, WORLD_LEASE_MS);
	pg_add_text(&params, STR("0.1.0"));
	assert_int_equal(pg_run(w->conn, "ledger/heartbeat", &params, &rows, &err), 0);
	assert_int_equal(pg_int(rows, 0, 2), 1);
	pg_rows_free(rows);
	pg_params_done(&params);
	struct pg_array campaigns, chunks, epochs;
	for (int round = 0; round < 2; round++) {
		pg_params_init(&params);
		pg_array_init(&campaigns, PG_INT4);
		pg_array_init(&chunks, PG_INT4);
		pg_array_init(&epochs, PG_INT4);
		pg_array_int(&campaigns, lease.key.campaign);
		pg_array_int(&chunks, lease.key.chunk);
		pg_array_int(&epochs, lease.epoch);
		pg_add_int4(&params, id.node);
		pg_add_int4(&params, id.incarnation);
		pg_add_array(&params, &campaigns);
		pg_add_array(&params, &chunks);
		pg_add_array(&params, &epochs);
		assert_int_equal(pg_run(w->conn, "ledger/release_stray", &params, &rows, &err), 0);
		assert_int_equal(pg_rows_count(rows), round == 0 ? 1 : 0);
		pg_rows_free(rows);
		pg_params_done(&params);
		pg_array_done(&campaigns);
		pg_array_done(&chunks);
		pg_array_done(&epochs);
	}
	assert_int_equal(world_count(w, RECIPIENT_LEASED), 0);
}

static void a_dead_node_leaves_doubt_and_frees_the_rest(void **state)
{
	struct world *w = *state;
	struct lease lease;
	struct member_id id = begin(w, 1, &lease);
	world_reap(w, id);
	assert_int_equal(world_count(w, RECIPIENT_LEASED), WORLD_FIRST_CREDITS);
	world_check(w);
	/* Another takes the rest; the doubtful are not sent to. */
	struct member_id other = world_register(w, "mx2");
	assert_true(world_claim(w, other, "qq", 9) >= 1);
	/* The slow node's flush is refused. */
	struct flush *f = w->flush;
	size_t k = world_target(f, &lease);
	world_settle(w, k, &lease, 0, RECIPIENT_DELIVERED);
	assert_int_equal(world_flush(w, f, id), 0);
	/* It settles through doubt: told, told, and never sent. */
	flush_clear(f);
	k = flush_target(f, &(struct flush_target){.key = lease.key,
						   .incarnation = lease.incarnation,
						   .epoch = lease.epoch,
						   .people = lease.people,
						   .is_late = true});
	world_settle(w, k, &lease, 0, RECIPIENT_DELIVERED);
	world_settle(w, k, &lease, 1, RECIPIENT_UNKNOWN);
	world_settle(w, k, &lease, 2, RECIPIENT_WAITING);
	/* Not in doubt: it was never open. Ignored. */
	world_settle(w, k, &lease, 50, RECIPIENT_DELIVERED);
	assert_int_equal(world_flush(w, f, id), 1);
	assert_int_equal(world_flush(w, f, id), 1);
	assert_int_equal(world_count(w, RECIPIENT_DELIVERED), 1);
	assert_int_equal(world_count(w, RECIPIENT_UNKNOWN), 1);
	assert_int_equal(world_count(w, RECIPIENT_DEFERRED), 1);
	assert_int_equal(world_number(w, "SELECT bit_count(map) FROM doubt"),
			 WORLD_FIRST_CREDITS - 3);
}

static void doubt_ends_as_unknown_and_a_late_journal_sets_it_right(void **state)
{
	struct world *w = *state;
	struct lease lease;
	struct member_id id = begin(w, 1, &lease);
	world_reap(w, id);
	assert_int_equal(world_expire_doubts(w), 0);
	world_sql(w, "UPDATE doubt SET until = now()");
	assert_int_equal(world_expire_doubts(w), WORLD_FIRST_CREDITS);
	assert_int_equal(world_count(w, RECIPIENT_UNKNOWN), WORLD_FIRST_CREDITS);
	world_check(w);
	struct flush *f = w->flush;
	size_t k = flush_target(f, &(struct flush_target){.key = lease.key,
							  .incarnation = lease.incarnation,
							  .epoch = lease.epoch,
							  .people = lease.people,
							  .is_late = true});
	world_settle(w, k, &lease, 0, RECIPIENT_DELIVERED);
	world_settle(w, k, &lease, 1, RECIPIENT_WAITING);
	assert_int_equal(world_flush(w, f, id), 1);
	assert_int_equal(world_count(w, RECIPIENT_UNKNOWN), WORLD_FIRST_CREDITS - 2);
	assert_int_equal(world_count(w, RECIPIENT_DELIVERED), 1);
	world_check(w);
	/* Whom the operator has resent is left alone. */
	struct pg_params params;
	struct err err;
	pg_params_init(&params);
	pg_add_int4(&params, w->campaign);
	pg_add_time(&params, INT64_MAX);
	assert_int_equal(pg_run(w->conn, "ledger/resend_unknown", &params, NULL, &err), 0);
	pg_params_done(&params);
	assert_int_equal(world_count(w, RECIPIENT_UNKNOWN), 0);
	world_check(w);
	/* Neither 1,000 due nor 5 s overdue: not packed yet. */
	world_sql(w, "UPDATE retry SET due_at = now()");
	assert_int_equal(world_pack(w), 0);
	world_sql(w, "UPDATE retry SET due_at = now() - interval '1 min'");
	assert_int_equal(world_pack(w), WORLD_FIRST_CREDITS - 1);
	flush_clear(f);
	k = flush_target(f, &(struct flush_target){.key = lease.key,
						   .incarnation = lease.incarnation,
						   .epoch = lease.epoch,
						   .people = lease.people,
						   .is_late = true});
	world_settle(w, k, &lease, 5, RECIPIENT_DELIVERED);
	assert_int_equal(world_flush(w, f, id), 1);
	assert_int_equal(world_count(w, RECIPIENT_DELIVERED), 1);
}

/* A greylisted retry is for the node of its source while that source may send and the node is
 * there. */
static void a_preference_ends_with_its_source(void **state)
{
	static const struct {
		const char *what;
		bool is_kept;
	} cases[] = {
		{"SELECT 1", true},
		{"UPDATE source SET state = 2", false},
		{"UPDATE source SET state = 3", false},
		{"UPDATE node SET state = 2", false},
		{"UPDATE node SET lease_until = '-infinity'", false},
		{"UPDATE retry SET prefer_until = now() - interval '1 s'", false},
		{"INSERT INTO pause(scope, source_name, who, why) VALUES (3, 's1', 'li', 'hot')",
		 false},
		{"INSERT INTO pause(scope, source_name, who, why) VALUES (3, 's2', 'li', 'hot')",
		 true},
		{"INSERT INTO pause(scope, source_name, who, why, until) VALUES"
		 " (3, 's1', 'li', 'hot', now() - interval '1 s')",
		 true},
		{"INSERT INTO pause(scope, source_name, who, why, lifted_at) VALUES"
		 " (3, 's1', 'li', 'hot', now())",
		 true},
	};
	struct world *w = *state;
	struct lease lease;
	struct member_id id = begin(w, 2, &lease);
	world_reap(w, id);
	world_sql(w, "UPDATE doubt SET until = now()");
	world_expire_doubts(w);
	struct member_id its = world_register(w, "mx2");
	world_sql(w, "INSERT INTO source(source_id, name, address, ehlo)"
		     " VALUES (71, 's1', '127.0.0.1', 'a.test')");
	world_sql(w,
		  "UPDATE retry SET due_at = now() - interval '1 min', source_id = 71,"
		  " node_id = %d, prefer_until = now() + interval '1 h'",
		  (int)its.node);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		world_sql(w, "BEGIN");
		world_sql(w, "%s", cases[i].what);
		assert_int_equal(world_pack(w), WORLD_FIRST_CREDITS);
		int64_t kept = world_number(w, "SELECT count(*) FROM chunk JOIN chunk_data"
					       " USING (campaign_id, chunk_no)"
					       " WHERE chunk_no < 0 AND meant_for IS NOT NULL"
					       " AND 71 = ALL(sources)");
		int64_t dropped = world_number(w, "SELECT count(*) FROM chunk JOIN chunk_data"
						  " USING (campaign_id, chunk_no)"
						  " WHERE chunk_no < 0 AND meant_for IS NULL"
						  " AND 0 = ALL(sources)");
		if (kept != cases[i].is_kept || dropped != !cases[i].is_kept)
			fail_msg("%s", cases[i].what);
		world_sql(w, "ROLLBACK");
	}
}

static void policy_retry_sends_the_unknown_once_more(void **state)
{
	struct world *w = *state;
	struct lease lease;
	struct member_id id = begin(w, 2, &lease);
	world_reap(w, id);
	world_sql(w, "UPDATE doubt SET until = now()");
	assert_int_equal(world_expire_doubts(w), WORLD_FIRST_CREDITS);
	assert_int_equal(world_count(w, RECIPIENT_DEFERRED), WORLD_FIRST_CREDITS);
	/* A late journal still finds those that wait for it. */
	struct flush *f = w->flush;
	size_t k = flush_target(f, &(struct flush_target){.key = lease.key,
							  .incarnation = lease.incarnation,
							  .epoch = lease.epoch,
							  .people = lease.people,
							  .is_late = true});
	world_settle(w, k, &lease, 0, RECIPIENT_DELIVERED);
	assert_int_equal(world_flush(w, f, id), 1);
	assert_int_equal(world_count(w, RECIPIENT_DEFERRED), WORLD_FIRST_CREDITS - 1);
	world_check(w);
	/* The second time there is no third. */
	world_sql(w, "UPDATE retry SET due_at = now() - interval '1 min'");
	assert_int_equal(world_pack(w), WORLD_FIRST_CREDITS - 1);
	id = world_register(w, "mx2");
	assert_int_equal(world_claim(w, id, "qq", 1), 1);
	assert_true(w->leases[0].key.chunk < 0); /* retries go first */
	world_reap(w, id);
	world_sql(w, "UPDATE doubt SET until = now() WHERE open");
	world_expire_doubts(w);
	assert_int_equal(world_count(w, RECIPIENT_UNKNOWN), WORLD_FIRST_CREDITS - 1);
}

static void a_cancelled_campaign_is_settled_chunk_by_chunk(void **state)
{
	struct world *w = *state;
	struct lease lease;
	struct member_id id = begin(w, 1, &lease);
	struct flush *f = w->flush;
	size_t k = world_target(f, &lease);
	world_settle(w, k, &lease, 0, RECIPIENT_DELIVERED);
	world_settle(w, k, &lease, 1, RECIPIENT_DEFERRED);
	assert_int_equal(world_flush(w, f, id), 1);
	lease.flush_seq++;
	world_sql(w, "UPDATE campaign SET state = 6");
	world_settle_ended(w);
	world_check(w);
	/* What is leased waits for its node. */
	assert_int_equal(world_count(w, RECIPIENT_LEASED), lease.people - 2);
	flush_clear(f);
	k = world_target(f, &lease);
	flush_release(f, k);
	assert_int_equal(world_flush(w, f, id), 1);
	world_settle_ended(w);
	assert_int_equal(world_count(w, RECIPIENT_CANCELLED), 2000 - 1);
	assert_int_equal(world_number(w, "SELECT count(*) FROM outcome"), 3);
}

static void a_deadline_expires_who_is_left(void **state)
{
	struct world *w = *state;
	struct lease lease;
	begin(w, 1, &lease);
	world_sql(w, "UPDATE campaign SET deadline = now() - interval '1 s'");
	world_settle_ended(w);
	assert_int_equal(world_count(w, RECIPIENT_EXPIRED), 2000 - (int64_t)lease.people);
}

/* Who waits for the try after an unknown one may have the message: whatever ends the campaign, they
 * are unknown, some in retry and some packed already. */
static void who_may_have_it_stays_unknown(struct world *w, const char *end,
					  enum recipient_state others)
{
	struct lease lease;
	struct member_id id = begin(w, 2, &lease);
	world_reap(w, id);
	world_sql(w, "UPDATE doubt SET until = now()");
	assert_int_equal(world_expire_doubts(w), WORLD_FIRST_CREDITS);
	world_sql(w, "UPDATE retry SET due_at = now() + interval '15 min' * CASE WHEN rid IN"
		     " (SELECT rid FROM retry ORDER BY rid LIMIT 10) THEN -1 ELSE 1 END");
	assert_int_equal(world_pack(w), 10);
	world_sql(w, "UPDATE campaign SET %s", end);
	world_settle_ended(w);
	world_check(w);
	assert_int_equal(world_pack(w), WORLD_FIRST_CREDITS - 10);
	world_settle_ended(w);
	assert_int_equal(world_count(w, RECIPIENT_UNKNOWN), WORLD_FIRST_CREDITS);
	assert_int_equal(world_count(w, others), 2000 - WORLD_FIRST_CREDITS);
	assert_int_equal(world_number(w, "SELECT count(*) FROM unknown u JOIN chunk_data d"
					 " USING (campaign_id, chunk_no)"
					 " WHERE d.rids[u.position + 1] = u.rid AND attempt = 1"),
			 WORLD_FIRST_CREDITS);
	assert_int_equal(world_number(w, "SELECT count(*) FROM retry"), 0);
}

static void cancelled_while_it_waits_for_the_second_try(void **state)
{
	who_may_have_it_stays_unknown(*state, "state = 6", RECIPIENT_CANCELLED);
}

static void expired_while_it_waits_for_the_second_try(void **state)
{
	who_may_have_it_stays_unknown(*state, "deadline = now() - interval '1 s'",
				      RECIPIENT_EXPIRED);
}

static void a_campaign_is_finished_when_nobody_is_left(void **state)
{
	struct world *w = *state;
	struct err err;
	struct lease lease;
	struct member_id id = begin(w, 1, &lease);
	struct pg_rows *rows = NULL;
	struct flush *f = w->flush;
	world_sql(w, "DELETE FROM chunk WHERE state = 0");
	world_sql(w, "UPDATE build_batch SET n = %d WHERE batch_no = 1", (int)lease.people);
	world_sql(w, "DELETE FROM build_batch WHERE batch_no > 1");
	world_sql(w, "INSERT INTO moves_delta VALUES (%d, 1, -%lld)", (int)w->campaign,
		  (long long)world_count(w, RECIPIENT_WAITING));
	for (unsigned i = 0; i < lease.people; i++) {
		assert_int_equal(pg_run(w->conn, "campaign/finish_done", NULL, &rows, &err), 0);
		assert_int_equal(pg_rows_count(rows), 0);
		pg_rows_free(rows);
		if (i == 0)
			world_target(f, &lease);
		world_settle(w, 0, &lease, i, RECIPIENT_DELIVERED);
	}
	assert_int_equal(world_flush(w, f, id), 1);
	assert_int_equal(pg_run(w->conn, "campaign/finish_done", NULL, &rows, &err), 0);
	assert_int_equal(pg_rows_count(rows), 1);
	pg_rows_free(rows);
	world_run(w, "ledger/roll_up");
	world_run(w, "ledger/roll_up");
}

static void a_name_is_taken_while_its_node_is_alive(void **state)
{
	struct world *w = *state;
	struct lease lease;
	struct err err;
	struct member_id first = begin(w, 1, &lease), got;
	struct registration r = {.name = "mx1",
				 .journal = "stranger",
				 .host = "b",
				 .version = "0",
				 .lease_ms = WORLD_LEASE_MS};
	assert_int_equal(member_register(w->conn, &r, &got, &err), -1);
	assert_int_equal(err.kind, ERR_REFUSED);
	/* Who holds its journal may; and so may anybody once the lease has run out. */
	struct member_id again = world_register(w, "mx1");
	assert_int_equal(again.node, first.node);
	assert_int_equal(again.incarnation, first.incarnation + 1);
	world_sql(w, "UPDATE node SET lease_until = now() - interval '1 s'");
	assert_int_equal(member_register(w->conn, &r, &got, &err), 0);
	assert_int_equal(got.incarnation, first.incarnation + 2);
}

/* What limits by the day must know of the processes before. */
static void an_unclean_end_is_written_down(void **state)
{
	struct world *w = *state;
	static const struct {
		const char *what, *sql;
		int64_t want; /* ends so far */
	} ends[] = {
		{"killed", "SELECT 1", 1},
		{"stopped", "UPDATE node SET lease_until = now(), beat_at = now()", 1},
		{"silent until its lease ran out",
		 "UPDATE node SET beat_at = now() - interval '11 s',"
		 " lease_until = now() - interval '1 s'",
		 2},
		{"silent, and reaped",
		 "UPDATE node SET beat_at = now() - interval '20 s', lease_until = '-infinity',"
		 " reaped_at = now()",
		 3},
		{"stopped, and reaped",
		 "UPDATE node SET beat_at = now() - interval '1 s', lease_until = '-infinity',"
		 " reaped_at = now()",
		 3},
		{"killed a day later",
		 "UPDATE unclean_stop SET begun_at = begun_at - interval '26 h'", 1},
	};
	struct member_id id = world_register(w, "mx1");
	assert_int_equal(world_number(w, "SELECT count(*) FROM unclean_stop"), 0);
	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		world_sql(w, "%s", ends[i].sql);
		id = world_register(w, "mx1");
		int64_t got = world_number(w, "SELECT count(*) FROM unclean_stop");
		if (got != ends[i].want)
			fail_msg("%s: %lld ends", ends[i].what, (long long)got);
	}
	assert_int_equal(world_number(w, "SELECT incarnation FROM unclean_stop WHERE alive_at <= "
					 "begun_at"),
			 id.incarnation);
	/* Who is refused has found nothing. */
	struct registration other = {
		.name = "mx1", .host = "test", .pid = 2, .version = "0", .lease_ms = 1000};
	struct err err;
	assert_int_equal(member_register(w->conn, &other, &id, &err), -1);
	assert_int_equal(world_number(w, "SELECT count(*) FROM unclean_stop"), 1);
}

static void nobody_is_reaped_before_the_reaper_has_lived_a_lease(void **state)
{
	struct world *w = *state;
	struct lease lease;
	struct err err;
	begin(w, 1, &lease);
	struct member_id reaper = world_register(w, "mx2");
	static const struct {
		const char *what, *sql;
		int want;
	} cases[] = {
		{"just come back", "UPDATE node SET alive_since = now() WHERE name = 'mx2'", 0},
		{"fenced itself", "UPDATE node SET lease_until = now() WHERE name = 'mx2'", 0},
		{"alive for long",
		 "UPDATE node SET alive_since = now() - interval '1 h', lease_until = now() + "
		 "interval '5 s' WHERE name = 'mx2'",
		 1},
		{"already done", "SELECT 1", 0},
	};
	world_sql(w, "UPDATE node SET lease_until = now() - interval '1 s' WHERE name = 'mx1'");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct pg_params params;
		struct pg_rows *rows = NULL;
		world_sql(w, "%s", cases[i].sql);
		pg_params_init(&params);
		pg_add_int4(&params, reaper.node);
		pg_add_int4(&params, reaper.incarnation);
		pg_add_int8(&params, WORLD_LEASE_MS);
		assert_int_equal(pg_run(w->conn, "ledger/reap_nodes", &params, &rows, &err), 0);
		if (pg_rows_count(rows) != cases[i].want)
			fail_msg("%s: reaped %d", cases[i].what, pg_rows_count(rows));
		pg_rows_free(rows);
		pg_params_done(&params);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(a_claim_opens_the_first_people),
		TEST(a_chunk_meant_for_another_node_is_left_alone),
		TEST(a_repeated_flush_changes_nothing),
		TEST(the_old_backend_commits_later),
		TEST(a_fenced_chunk_does_not_harm_the_others),
		TEST(a_released_chunk_keeps_what_is_done),
		TEST(a_claim_whose_reply_was_lost_is_found_and_given_back),
		TEST(a_dead_node_leaves_doubt_and_frees_the_rest),
		TEST(doubt_ends_as_unknown_and_a_late_journal_sets_it_right),
		TEST(a_preference_ends_with_its_source),
		TEST(policy_retry_sends_the_unknown_once_more),
		TEST(a_cancelled_campaign_is_settled_chunk_by_chunk),
		TEST(a_deadline_expires_who_is_left),
		TEST(cancelled_while_it_waits_for_the_second_try),
		TEST(expired_while_it_waits_for_the_second_try),
		TEST(a_campaign_is_finished_when_nobody_is_left),
		TEST(a_name_is_taken_while_its_node_is_alive),
		TEST(an_unclean_end_is_written_down),
		TEST(nobody_is_reaped_before_the_reaper_has_lived_a_lease),
	};
	return cmocka_run_group_tests(tests, world_serve, world_serve_end);
}
