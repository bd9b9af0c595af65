/* SPDX-License-Identifier: MIT */
/* A provider's queue and its lanes without a thread: what is told of them, and who leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "scheduler/node/worker_private.h"

struct fixture {
	struct loop *loop;
	struct mailbox *inbox; /* control's */
	struct node_shared shared;
	struct source sources[2];
	struct warmup_plan plans[2];
	struct identity identity;
	struct worker worker;
	struct site *site;
	struct worker_queue *q;
	struct work_status *status; /* the last one told */
	struct node_person person;
	struct node_lease lease;
	struct work_job *jobs[2]; /* of a campaign of each pool */
	unsigned parked[2];	  /* times they came back so */
};

/* -------------------------------------------------------------------------------------- control */

static void on_letter(void *owner, struct letter *letter)
{
	struct fixture *f = owner;
	const struct work_job *job = letter->content;
	if (letter->kind == LETTER_RETURNED) {
		assert_int_equal(job->returned, RETURNED_PARKED);
		f->parked[job == f->jobs[1]]++;
		return;
	}
	assert_int_equal(letter->kind, LETTER_STATUS);
	work_status_free(f->status);
	f->status = mailbox_take(f->inbox, letter);
}

static struct source source_at(size_t i)
{
	static const char *const names[] = {"s1", "s2"}, *const pools[] = {"default", "warm"};
	return (struct source){.id = (uint32_t)i + 1,
			       .name = str_from(names[i]),
			       .address = STR("127.0.0.2"),
			       .ehlo = STR("s.news.test"),
			       .public_address = STR("127.0.0.2"),
			       .pool = str_from(pools[i]),
			       .weight = 1,
			       .state = SOURCE_ACTIVE};
}

static void make_identity(struct fixture *f)
{
	struct err err;
	struct ip_pool_snapshot *pool = xcalloc(1, sizeof(*pool));
	atomic_init(&pool->refs, 1);
	arena_init(&pool->arena, 0);
	for (size_t i = 0; i < ARRAY_LEN(f->sources); i++)
		f->sources[i] = source_at(i);
	pool->sources = f->sources;
	pool->plans = f->plans;
	pool->source_count = ARRAY_LEN(f->sources);
	assert_int_equal(provider_table_builtin(NULL, 0, &pool->providers, &err), 0);
	f->identity.node = STR("here");
	f->identity.pool = pool;
	atomic_init(&f->identity.refs, 1);
}

static void make_worker(struct fixture *f)
{
	struct worker *w = &f->worker;
	w->loop = f->loop;
	w->identity = &f->identity;
	w->options.control = f->inbox;
	w->options.shared = &f->shared;
	w->options.workers = 1;
	w->options.settings.park_ms = 20000;
	work_posts_init(&w->posts, f->inbox);
	worker_init_lists(w);
}

static struct work_job *job_new(struct fixture *f, size_t i)
{
	static const char *const pools[] = {"", "warm"};
	struct campaign_snapshot *campaign = campaign_snapshot_new();
	struct work_job *job = work_job_new();
	campaign->id = (int32_t)i + 1;
	campaign->name = STR("spring");
	campaign->from_domain = STR("news.test");
	campaign->pool = str_from(pools[i]);
	campaign->give_up_after_ms = 3600000;
	job->lease = &f->lease;
	job->address = f->person.address;
	job->campaign = campaign;
	job->is_of_group = true;
	job->plan.site = f->site;
	return job;
}

static void make_jobs(struct fixture *f)
{
	f->person = (struct node_person){.rid = 1, .address = STR("you@peer.test")};
	f->lease = (struct node_lease){.campaign = 1, .chunk = 1, .count = 1, .people = &f->person};
	for (size_t i = 0; i < ARRAY_LEN(f->jobs); i++) {
		f->jobs[i] = job_new(f, i);
		worker_offer(f->q, f->jobs[i]);
	}
}

static int setup(void **state)
{
	static const struct site_access access = {.port = 25};
	struct fixture *f = xcalloc(1, sizeof(*f));
	f->loop = loop_new();
	f->inbox = mailbox_open(f->loop, on_letter, f);
	make_identity(f);
	make_worker(f);
	f->site = site_new(STR("mx.peer.test"), STR("mx.peer.test"), STR(""), &access);
	f->q = worker_queue_of(&f->worker, f->site);
	make_jobs(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	for (size_t i = 0; i < ARRAY_LEN(f->jobs); i++) {
		if (f->parked[i] == 0)
			provider_queue_remove(&f->q->jobs, &f->jobs[i]->plan);
		campaign_snapshot_unref(f->jobs[i]->campaign);
		work_job_free(f->jobs[i]);
	}
	worker_queue_free(f->q);
	map_done(&f->worker.queues);
	worker_limiters_free(&f->worker);
	site_drop(f->site);
	work_status_free(f->status);
	mailbox_close(f->inbox);
	loop_turn(f->loop, false);
	loop_free(f->loop);
	ip_pool_snapshot_drop(f->identity.pool);
	free(f);
	return 0;
}

/* ------------------------------------------------------------------------------------- telling */

static void tell(struct fixture *f)
{
	worker_send_status(&f->worker);
	while (f->status == NULL)
		loop_turn(f->loop, true);
}

/* A comparison that was long ago is not made again because somebody asks what came of it. */
static void who_asks_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct lane *lane = f->q->lanes[0] = lane_new(f->q, f->q->sources[0]);
	int64_t now = loop_now_ms(f->loop);
	f->q->watch = xcalloc(1, sizeof(*f->q->watch));
	scope_watch_init(f->q->watch, now);
	f->q->told = SCOPE_DOMAIN;
	f->q->told_ms = now - 60000;
	lane_doubt(&lane->limits, now);
	struct lane_limits before = lane->limits;
	tell(f);
	assert_int_equal(f->q->told, SCOPE_DOMAIN);
	assert_true(f->q->told_ms == now - 60000);
	assert_true(lane->limits.is_doubted);
	assert_memory_equal(&lane->limits.controller, &before.controller,
			    sizeof(before.controller));
	assert_true(str_find(buf_str(&f->status->lanes), STR("\"limit_about\":\"domain\"")) >= 0);
}

/* ------------------------------------------------------------------------------------- parking */

/* The receiver blocks the lane of source i for an hour. */
static void block(struct fixture *f, size_t i)
{
	int64_t now = loop_now_ms(f->loop);
	f->q->lanes[i] = lane_new(f->q, f->q->sources[i]);
	assert_true(health_rest(&f->q->lanes[i]->limits.health, true, 3600000, now, now));
}

static const struct work_pool_status *pool_status(const struct fixture *f, struct str pool)
{
	size_t i = 0;
	while (!str_equals(f->status->pools[i].pool, pool))
		assert_true(++i < f->status->pool_count);
	return &f->status->pools[i];
}

/* Their campaign may not use the source that goes, whether it was ever used here or not. */
static void who_waits_for_a_pool_that_rests_is_parked(void **state)
{
	struct fixture *f = *state;
	int64_t now = loop_now_ms(f->loop);
	block(f, 1);
	worker_queue_park(f->q, now);
	tell(f);
	assert_int_equal(f->parked[0], 0);
	assert_int_equal(f->parked[1], 1);
	assert_false(pool_status(f, STR("default"))->is_refused);
	assert_true(pool_status(f, STR("default"))->next_ms <= now);
	assert_true(pool_status(f, STR("warm"))->is_refused);
	assert_true(pool_status(f, STR("warm"))->next_ms > now + 3000000);
}

/* Nobody has a source to wait for: they leave when they have waited for long enough. */
static void who_has_no_source_here_is_parked_later(void **state)
{
	struct fixture *f = *state;
	int64_t now = loop_now_ms(f->loop);
	f->sources[1].state = SOURCE_REMOVED;
	worker_queue_bind(f->q);
	worker_queue_park(f->q, now);
	worker_queue_park(f->q, now + 20001);
	tell(f);
	assert_int_equal(f->parked[0], 0);
	assert_int_equal(f->parked[1], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(who_asks_changes_nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(who_waits_for_a_pool_that_rests_is_parked, setup,
						teardown),
		cmocka_unit_test_setup_teardown(who_has_no_source_here_is_parked_later, setup,
						teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
