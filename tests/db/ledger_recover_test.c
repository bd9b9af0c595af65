/* SPDX-License-Identifier: MIT */
/*
 * A node is killed with people in hand and comes back: in time, after it was reaped, after its
 * doubts became unknown, with its journal whole, damaged or gone. What the journal tells is
 * settled, who was never sent to waits again, and only what nobody can tell is unknown.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "scheduler/ledger/recover.h"
#include "tests/db/ledger_world.h"

struct fixture {
	struct world w;
	char dir[64];
	struct journal *journal;
	struct journal_stream *stream;
	struct member_id id;
	struct lease lease;
	struct recovery_counts counts;
	bool is_lost; /* the last recovery found the journal lost */
};

static const unsigned char installation[16] = {7};

static int setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	world_open(&f->w);
	world_people(&f->w, "qq.com", "qq", 200);
	snprintf(f->dir, sizeof(f->dir), "/tmp/edm-recover-XXXXXX");
	must(mkdtemp(f->dir) != NULL);
	*state = f;
	return 0;
}

static void each_segment(struct fixture *f, void (*on_path)(const char *path))
{
	DIR *dir = opendir(f->dir);
	must(dir != NULL);
	struct dirent *entry;
	while ((entry = readdir(dir)) != NULL) {
		char path[400];
		snprintf(path, sizeof(path), "%s/%s", f->dir, entry->d_name);
		if (strstr(path, ".seg") != NULL)
			on_path(path);
	}
	closedir(dir);
}

static void remove_path(const char *path)
{
	must(unlink(path) == 0);
}

static void damage_path(const char *path)
{
	int fd = open(path, O_WRONLY);
	must(pwrite(fd, "x", 1, JOURNAL_HEADER_SIZE + 12) == 1);
	close(fd);
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char path[100];
	world_check(&f->w);
	world_close(&f->w);
	journal_stream_close(f->stream);
	journal_close(f->journal);
	each_segment(f, remove_path);
	snprintf(path, sizeof(path), "%s/lock", f->dir);
	unlink(path);
	snprintf(path, sizeof(path), "%s/journal.id", f->dir);
	unlink(path);
	rmdir(f->dir);
	free(f);
	return 0;
}

static void must_go(int rc, const struct err *err)
{
	if (rc != 0)
		fail_msg("%s", err->text);
}

/* The start of a node: lock, settle, register, settle, forget, open the stream. */
static void node_start(struct fixture *f)
{
	struct err err;
	f->journal = journal_open(f->dir, installation, &err);
	must_go(f->journal == NULL ? -1 : 0, &err);
	struct recovery *r = recover_open(f->journal, &err);
	must_go(r == NULL ? -1 : 0, &err);
	f->is_lost = recover_replay(r)->state == JOURNAL_LOST;
	f->counts = (struct recovery_counts){.outcomes = 0};
	must_go(recover_settle(r, f->w.conn, 0, &f->counts, &err), &err);
	struct registration reg = {.name = "mx1",
				   .host = "test",
				   .pid = 1,
				   .version = "0",
				   .lease_ms = WORLD_LEASE_MS};
	memcpy(reg.journal, journal_uuid(f->journal), 16);
	must_go(member_register(f->w.conn, &reg, &f->id, &err), &err);
	must_go(recover_settle(r, f->w.conn, 0, &f->counts, &err), &err);
	must_go(recover_finish(r, &err), &err);
	recover_close(r);
	struct journal_stream_options options = {
		.streams = 1, .incarnation = f->id.incarnation, .segment_bytes = 8u << 20};
	f->stream = journal_stream_open(f->journal, &options, &err);
	must_go(f->stream == NULL ? -1 : 0, &err);
}

/* kill −9: nothing is closed in order; the kernel gives up the lock and keeps what was written. */
static void node_kill(struct fixture *f)
{
	journal_stream_close(f->stream);
	journal_close(f->journal);
	f->stream = NULL;
	f->journal = NULL;
}

static struct journal_key key_of(const struct fixture *f, unsigned position)
{
	return (struct journal_key){.campaign = f->lease.key.campaign,
				    .chunk = f->lease.key.chunk,
				    .epoch = f->lease.epoch,
				    .position = (uint16_t)position,
				    .attempt = 1};
}

static void intent(struct fixture *f, unsigned position)
{
	struct journal_key key = key_of(f, position);
	journal_intent(f->stream, &key);
}

static void outcome(struct fixture *f, unsigned position, enum recipient_state state)
{
	struct journal_key key = key_of(f, position);
	struct settlement s = {.position = position,
			       .attempt = 1,
			       .version = 1,
			       .state = state,
			       .klass = state == RECIPIENT_DEFERRED ? OUTCOME_DEFERRED
								    : OUTCOME_DELIVERED,
			       .scope = SCOPE_RECIPIENT,
			       .words = OUTCOME_WORDS_REMOTE,
			       .stage = STAGE_DOT,
			       .code = 250,
			       .at_us = f->w.now_us,
			       .retry = {.due_at_us = f->w.now_us, .attempts = 1}};
	journal_outcome(f->stream, &key, &s);
}

/*
 * A node with a chunk, killed: 0 delivered, 1 deferred, 2 and 3 sent with no reply read, 4 taken
 * back; all others open (5 … 31) were not sent to.
 */
static void node_dies_at_work(struct fixture *f, int policy)
{
	struct err err;
	world_campaign(&f->w, policy);
	world_build(&f->w, 0);
	node_start(f);
	assert_int_equal(world_claim(&f->w, f->id, "qq", 1), 1);
	f->lease = f->w.leases[0];
	for (unsigned i = 0; i < 5; i++)
		intent(f, i);
	outcome(f, 0, RECIPIENT_DELIVERED);
	outcome(f, 1, RECIPIENT_DEFERRED);
	struct journal_key key = key_of(f, 4);
	journal_retract(f->stream, &key);
	must_go(journal_write(f->stream, &err), &err);
	/* Collected, never written: it was not sent. */
	intent(f, 6);
	node_kill(f);
}

struct want {
	int64_t waiting, leased, deferred, delivered, unknown;
};

static void want_counts(struct fixture *f, struct want want)
{
	const struct {
		enum recipient_state state;
		int64_t want;
	} rows[] = {{RECIPIENT_WAITING, want.waiting},
		    {RECIPIENT_LEASED, want.leased},
		    {RECIPIENT_DEFERRED, want.deferred},
		    {RECIPIENT_DELIVERED, want.delivered},
		    {RECIPIENT_UNKNOWN, want.unknown}};
	world_check(&f->w);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		int64_t got = world_count(&f->w, rows[i].state);
		if (got != rows[i].want)
			fail_msg("%s: %lld, want %lld", recipient_state_name(rows[i].state),
				 (long long)got, (long long)rows[i].want);
	}
}

static void back_in_time(void **state)
{
	struct fixture *f = *state;
	node_dies_at_work(f, 1);
	node_start(f);
	want_counts(f, (struct want){.waiting = 196, .deferred = 1, .delivered = 1, .unknown = 2});
	assert_int_equal(f->counts.outcomes, 2);
	assert_int_equal(f->counts.unknown, 2);
	assert_int_equal(f->counts.leases, 1);
	/* The retry has what the chunk knows of the person. */
	assert_int_equal(
		world_number(&f->w, "SELECT count(*) FROM retry WHERE address LIKE 'p%%@qq.com'"),
		1);
	/* Once more: nothing is left to do. */
	node_kill(f);
	node_start(f);
	assert_int_equal(f->counts.outcomes + f->counts.unknown + f->counts.leases, 0);
}

static void with_policy_retry_the_unread_are_due_again(void **state)
{
	struct fixture *f = *state;
	node_dies_at_work(f, 2);
	node_start(f);
	want_counts(f, (struct want){.waiting = 196, .deferred = 3, .delivered = 1});
	assert_int_equal(world_number(&f->w, "SELECT count(*) FROM retry WHERE flags = 1"), 2);
}

static void killed_while_it_recovers(void **state)
{
	struct fixture *f = *state;
	struct err err;
	node_dies_at_work(f, 1);
	/* Settled, but killed before it registered: the segments are still there. */
	f->journal = journal_open(f->dir, installation, &err);
	struct recovery *r = recover_open(f->journal, &err);
	must_go(recover_settle(r, f->w.conn, 0, &f->counts, &err), &err);
	recover_close(r);
	journal_close(f->journal);
	node_start(f);
	want_counts(f, (struct want){.waiting = 196, .deferred = 1, .delivered = 1, .unknown = 2});
	assert_int_equal(f->counts.outcomes, 0);
}

static void reaped_before_it_came_back(void **state)
{
	struct fixture *f = *state;
	node_dies_at_work(f, 1);
	world_reap(&f->w, f->id);
	want_counts(f, (struct want){.waiting = 168, .leased = 32});
	node_start(f);
	/* Never sent, but the chunk has moved on: due again at once. */
	want_counts(
		f, (struct want){.waiting = 168, .deferred = 1 + 28, .delivered = 1, .unknown = 2});
	assert_int_equal(f->counts.doubts, 1);
	assert_int_equal(world_number(&f->w, "SELECT count(*) FROM doubt WHERE open"), 0);
}

static void back_after_its_doubts_became_unknown(void **state)
{
	struct fixture *f = *state;
	node_dies_at_work(f, 1);
	world_reap(&f->w, f->id);
	world_sql(&f->w, "UPDATE doubt SET until = now()");
	world_expire_doubts(&f->w);
	want_counts(f, (struct want){.waiting = 168, .unknown = 32});
	node_start(f);
	want_counts(
		f, (struct want){.waiting = 168, .deferred = 1 + 28, .delivered = 1, .unknown = 2});
}

static void its_journal_is_gone(void **state)
{
	struct fixture *f = *state;
	node_dies_at_work(f, 1);
	each_segment(f, remove_path);
	node_start(f);
	/* Registered anew: the old lease is for the reaper, and nothing of it is settled yet. */
	want_counts(f, (struct want){.leased = 200});
	world_reap(&f->w, (struct member_id){f->id.node, f->id.incarnation - 1});
	want_counts(f, (struct want){.waiting = 168, .leased = 32});
}

static void its_journal_is_damaged(void **state)
{
	struct fixture *f = *state;
	node_dies_at_work(f, 1);
	each_segment(f, damage_path);
	node_start(f);
	assert_true(f->is_lost);
	want_counts(f, (struct want){.leased = 200});
}

/* The database does not take what became of the person at position 0. */
static void refuse_the_first(struct fixture *f)
{
	int64_t rid = world_number(
		&f->w, "SELECT rids[1] FROM chunk_data WHERE campaign_id = %d AND chunk_no = %d",
		f->lease.key.campaign, f->lease.key.chunk);
	world_sql(&f->w, "ALTER TABLE outcome ADD CONSTRAINT poison CHECK (rid <> %lld)",
		  (long long)rid);
}

/* The node starts all the same, the others are settled, and the record stays until it is taken. */
static void one_the_database_refuses_waits(void **state)
{
	struct fixture *f = *state;
	node_dies_at_work(f, 1);
	refuse_the_first(f);
	node_start(f);
	want_counts(f, (struct want){.leased = 197, .deferred = 1, .unknown = 2});
	assert_int_equal(f->counts.refused, 1);
	assert_int_equal(f->counts.outcomes, 1);
	world_reap(&f->w, (struct member_id){f->id.node, f->id.incarnation - 1});
	want_counts(f, (struct want){.waiting = 196, .leased = 1, .deferred = 1, .unknown = 2});
	node_kill(f);
	node_start(f);
	assert_false(f->is_lost);
	assert_int_equal(f->counts.refused, 1);
	world_sql(&f->w, "ALTER TABLE outcome DROP CONSTRAINT poison");
	node_kill(f);
	node_start(f);
	assert_false(f->is_lost);
	want_counts(f, (struct want){.waiting = 196, .deferred = 1, .delivered = 1, .unknown = 2});
	/* Nothing is left: the segments are gone. */
	node_kill(f);
	node_start(f);
	assert_int_equal(f->counts.outcomes + f->counts.refused, 0);
}

/* A claim whose reply the old process never read: committed, perhaps after it was dead. */
static void a_claim_nobody_knew_of(void **state)
{
	struct fixture *f = *state;
	world_campaign(&f->w, 1);
	world_build(&f->w, 0);
	node_start(f);
	assert_int_equal(world_claim(&f->w, f->id, "qq", 1), 1);
	node_kill(f);
	node_start(f);
	want_counts(f, (struct want){.waiting = 200});
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(back_in_time),
		TEST(with_policy_retry_the_unread_are_due_again),
		TEST(killed_while_it_recovers),
		TEST(reaped_before_it_came_back),
		TEST(back_after_its_doubts_became_unknown),
		TEST(its_journal_is_gone),
		TEST(its_journal_is_damaged),
		TEST(one_the_database_refuses_waits),
		TEST(a_claim_nobody_knew_of),
	};
	return cmocka_run_group_tests(tests, world_serve, world_serve_end);
}
