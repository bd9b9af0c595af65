/* SPDX-License-Identifier: MIT */
/* libuv loop with a heap of timers behind one uv_timer, and hooks; see loop.h. */
#include "engine/loop/loop.h"

#include <stdlib.h>

#include "engine/base/clock.h"

struct loop {
	uv_loop_t uv;
	uv_timer_t ticker;	   /* armed for the earliest timer */
	uv_check_t check;	   /* end of poll: hooks run here, and after timers */
	uv_prepare_t prepare;	   /* end of a turn: about to sleep */
	uv_async_t stopper;	   /* loop_stop from another thread */
	struct heap timers;	   /* struct timer by due time */
	struct list hooks;	   /* struct turn_hook */
	int64_t now_ms;		   /* CLOCK_BOOTTIME at the start of this turn's callbacks */
	uint64_t turn_ns, idle_ns; /* the clock, and the time asleep, when the last turn ended */
	struct lag lag;
	int64_t armed_ms; /* what ticker is set to, or INT64_MAX */
};

static void arm_ticker(struct loop *l);

static void run_due(struct loop *l)
{
	loop_refresh_ms(l);
	/* A timer that sets itself to now must not spin here: each gets one turn. on_due may free
	 * it. */
	int64_t until = l->now_ms;
	struct heap_node *node;
	for (size_t left = l->timers.count; left > 0; left--) {
		node = heap_min(&l->timers);
		if (node == NULL || node->key > until)
			break;
		struct timer *t = CONTAINER_OF(node, struct timer, node);
		heap_remove(&l->timers, node);
		t->on_due(t);
	}
}

static void run_hooks(struct loop *l)
{
	LIST_EACH (it, &l->hooks) {
		struct turn_hook *hook = LIST_ITEM(it, struct turn_hook, node);
		hook->on_turn(hook);
	}
}

/* libuv runs timers before it polls, and a poll may block: what timers left to do is done first. */
static void on_tick(uv_timer_t *ticker)
{
	struct loop *l = ticker->data;
	l->armed_ms = INT64_MAX;
	run_due(l);
	run_hooks(l);
	arm_ticker(l);
}

static void arm_ticker(struct loop *l)
{
	struct heap_node *first = heap_min(&l->timers);
	if (first == NULL || first->key >= l->armed_ms)
		return;
	int64_t wait = first->key - clock_now_ms();
	uv_update_time(&l->uv);
	uv_timer_start(&l->ticker, on_tick, wait > 0 ? (uint64_t)wait : 0, 0);
	l->armed_ms = first->key;
}

static void on_check(uv_check_t *check)
{
	struct loop *l = check->data;
	loop_refresh_ms(l);
	run_hooks(l);
}

static void on_prepare(uv_prepare_t *prepare)
{
	struct loop *l = prepare->data;
	uint64_t now_ns = uv_hrtime();
	uint64_t idle_ns = uv_metrics_idle_time(&l->uv);
	if (l->turn_ns != 0)
		lag_note(&l->lag, (int64_t)(now_ns - l->turn_ns - (idle_ns - l->idle_ns)) / 1000);
	l->turn_ns = now_ns;
	l->idle_ns = idle_ns;
}

static void on_stop(uv_async_t *stopper)
{
	uv_stop(stopper->loop);
}

struct loop *loop_new(void)
{
	struct loop *l = xcalloc(1, sizeof(*l));
	must(uv_loop_init(&l->uv) == 0);
	must(uv_loop_configure(&l->uv, UV_METRICS_IDLE_TIME) == 0);
	must(uv_prepare_init(&l->uv, &l->prepare) == 0);
	must(uv_timer_init(&l->uv, &l->ticker) == 0);
	must(uv_check_init(&l->uv, &l->check) == 0);
	must(uv_async_init(&l->uv, &l->stopper, on_stop) == 0);
	l->uv.data = l;
	l->ticker.data = l;
	l->check.data = l;
	l->prepare.data = l;
	l->armed_ms = INT64_MAX;
	heap_init(&l->timers);
	list_init(&l->hooks);
	uv_check_start(&l->check, on_check);
	uv_unref((uv_handle_t *)&l->check);
	uv_prepare_start(&l->prepare, on_prepare);
	uv_unref((uv_handle_t *)&l->prepare);
	loop_refresh_ms(l);
	return l;
}

void loop_free(struct loop *l)
{
	if (l == NULL)
		return;
	uv_close((uv_handle_t *)&l->ticker, NULL);
	uv_close((uv_handle_t *)&l->check, NULL);
	uv_close((uv_handle_t *)&l->prepare, NULL);
	uv_close((uv_handle_t *)&l->stopper, NULL);
	uv_run(&l->uv, UV_RUN_DEFAULT);
	must(uv_loop_close(&l->uv) == 0);
	heap_done(&l->timers);
	free(l);
}

void loop_run(struct loop *l)
{
	uv_run(&l->uv, UV_RUN_DEFAULT);
}

void loop_turn(struct loop *l, bool block)
{
	uv_run(&l->uv, block ? UV_RUN_ONCE : UV_RUN_NOWAIT);
}

void loop_stop(struct loop *l)
{
	uv_async_send(&l->stopper);
}

uv_loop_t *loop_uv(struct loop *l)
{
	return &l->uv;
}

int64_t loop_now_ms(const struct loop *l)
{
	return l->now_ms;
}

int64_t loop_refresh_ms(struct loop *l)
{
	l->now_ms = clock_now_ms();
	return l->now_ms;
}

void timer_set(struct loop *l, struct timer *t, int64_t at_ms)
{
	must(t->on_due != NULL);
	heap_set(&l->timers, &t->node, at_ms);
	arm_ticker(l);
}

void timer_clear(struct loop *l, struct timer *t)
{
	heap_remove(&l->timers, &t->node);
}

bool timer_is_set(const struct timer *t)
{
	return heap_has(&t->node);
}

struct lag *loop_lag(struct loop *l)
{
	return &l->lag;
}

void loop_add_hook(struct loop *l, struct turn_hook *hook)
{
	list_init(&hook->node);
	list_push_back(&l->hooks, &hook->node);
}

void loop_remove_hook(struct turn_hook *hook)
{
	list_remove(&hook->node);
}
