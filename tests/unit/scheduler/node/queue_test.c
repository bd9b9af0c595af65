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
};

/* -------------------------------------------------------------------------------------- control */

static void on_letter(void *owner, struct letter *letter)
{
	struct fixture *f = owner;
	assert_int_equal(letter->kind, LETTER_STATUS);
	work_status_free(f->status);
	f->status = mailbox_take(f->inbox, letter);
}

static struct source source_at(size_t i)
{
	static const char *const names[] = {"s1", "s2"};
	return (struct source){.id = (uint32_t)i + 1,
			       .name = str_from(names[i]),
			       .address = STR("127.0.0.2"),
			       .ehlo = STR("s.news.test"),
			       .public_address = STR("127.0.0.2"),
			       .pool = STR("default"),
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
	w->limits_round = 1;
	w->options.control = f->inbox;
	w->options.shared = &f->shared;
	w->options.workers = 1;
	w->options.settings.park_ms = 20000;
	work_posts_init(&w->posts, f->inbox);
	map_init(&w->queues);
	map_init(&w->limiters);
	list_init(&w->dirty);
	list_init(&w->waiting_room);
	list_init(&w->waiting_seats);
	list_init(&w->waiting_bytes);
	list_init(&w->resting);
	list_init(&w->connected);
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
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(who_asks_changes_nothing, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
