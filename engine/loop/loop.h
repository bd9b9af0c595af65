/* SPDX-License-Identifier: MIT */
/*
 * One event loop of one thread: libuv, with a clock read once a turn, timers without handles, and
 * an end-of-turn hook.
 *
 * A loop turn is: poll and run I/O callbacks → due timers → on_turn hooks. The hook is where work
 * that was collected during the turn is done once for all (a journal write, a batch). Everything
 * here is called on the loop's own thread, except loop_stop.
 */
#ifndef EDM_ENGINE_LOOP_LOOP_H
#define EDM_ENGINE_LOOP_LOOP_H

#include <uv.h>

#include "engine/base/heap.h"
#include "engine/base/list.h"
#include "engine/loop/lag.h"

struct loop;

/* A timer is plain memory in its owner: zero it, set it, clear it. No close callback. */
struct timer {
	struct heap_node node; /* in the loop's heap while set; key = due time in ms */
	void (*on_due)(struct timer *t);
	void *owner;
};

/* Called at the end of every loop turn while on the loop's list. */
struct turn_hook {
	struct list node;
	void (*on_turn)(struct turn_hook *hook);
	void *owner;
};

struct loop *loop_new(void);
/* Every handle must be closed by its owner before; aborts if one is still open. NULL is fine. */
void loop_free(struct loop *l);
/* Runs until loop_stop. May be run again. */
void loop_run(struct loop *l);
/* Runs one turn, blocking for I/O or a timer when block; for tests and for draining. */
void loop_turn(struct loop *l, bool block);
/* Makes loop_run return after this turn. Any thread, and signal-safe enough for uv_signal. */
void loop_stop(struct loop *l);
uv_loop_t *loop_uv(struct loop *l);
/* Milliseconds since boot (CLOCK_BOOTTIME), read once a turn. */
int64_t loop_now_ms(const struct loop *l);
/* Reads the clock again; after a callback that took long. */
int64_t loop_refresh_ms(struct loop *l);

/* (Re)arms t for at_ms on the clock of loop_now_ms; on_due and owner must be filled in. */
void timer_set(struct loop *l, struct timer *t, int64_t at_ms);
/* Disarms t if it is armed. */
void timer_clear(struct loop *l, struct timer *t);
bool timer_is_set(const struct timer *t);

/* How long its turns are. */
struct lag *loop_lag(struct loop *l);

void loop_add_hook(struct loop *l, struct turn_hook *hook);
void loop_remove_hook(struct turn_hook *hook);

#endif
