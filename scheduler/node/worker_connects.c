/* SPDX-License-Identifier: MIT */
/*
 * New connections as limits by the hour and day must find them after a restart: lanes tell control,
 * which counts them in the ledger's flush. What the database does not know of a lane yet is bounded
 * (limit_connects_ahead), so that after a kill it is known how many there may have been. See
 * worker_private.h.
 */
#include <stdio.h>
#include <stdlib.h>

#include "scheduler/node/worker_private.h"

/* Until then the database will know of the connections it does not know of now, or not. */
#define SAVE_PAUSE_MS 100

static int64_t unsaved(const struct lane *lane)
{
	return lane->connecting + lane->connects_new + lane->connects_told;
}

static void tighten(int64_t *ahead, struct limiter *l, int64_t now)
{
	int64_t level = limit_connects_ahead(limiter_caps(l, now), l->scope.level);
	if (level < *ahead)
		*ahead = level;
}

/* By the limits in force; those of the time of a kill are looked up in worker_left_connects. */
static int64_t may_be_ahead(struct lane *lane)
{
	static const enum limit_level levels[] = {LEVEL_SOURCE, LEVEL_PROVIDER, LEVEL_NODE};
	int64_t now = loop_now_ms(lane->queue->worker->loop);
	int64_t ahead = LIMIT_CONNECTS_AHEAD;
	struct permit_path path = worker_path(lane, NULL);
	tighten(&ahead, &lane->limits.limiter, now);
	for (size_t i = 0; i < ARRAY_LEN(levels); i++)
		if (path.shared[levels[i]] != NULL)
			tighten(&ahead, path.shared[levels[i]], now);
	return ahead;
}

int64_t worker_left_connects(const struct worker *w, const struct limit_scope *lane,
			     const struct limit_values *profile, int64_t from_ms, int64_t to_ms)
{
	static const enum limit_level levels[] = {LEVEL_LANE, LEVEL_SOURCE, LEVEL_PROVIDER,
						  LEVEL_NODE};
	int64_t ahead = LIMIT_CONNECTS_AHEAD;
	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		struct limit_scope scope = *lane;
		scope.level = levels[i];
		scope.node = w->identity->node;
		struct caps most = limit_most(&w->identity->pool->past_limits, &scope, profile,
					      from_ms, to_ms);
		int64_t level = limit_connects_ahead(&most, scope.level);
		ahead = level < ahead ? level : ahead;
	}
	return ahead;
}

void worker_note_connect(struct lane *lane)
{
	struct worker *w = lane->queue->worker;
	lane->connects_new++;
	if (list_is_empty(&lane->connected))
		list_push_back(&w->connected, &lane->connected);
	w->wants_connects |= unsaved(lane) >= may_be_ahead(lane) / 2;
}

bool worker_may_connect(struct lane *lane)
{
	return unsaved(lane) < may_be_ahead(lane);
}

struct limiter_wait worker_save_wait(struct lane *lane, int64_t now)
{
	return (struct limiter_wait){.at_ms = now + SAVE_PAUSE_MS,
				     .level = LEVEL_LANE,
				     .kind = LIMIT_NEW_CONNECTIONS,
				     .period = LIMIT_DAY,
				     .cap = {.count = may_be_ahead(lane),
					     .until_ms = LIMIT_FOREVER,
					     .origin = ORIGIN_UNSAVED}};
}

int64_t worker_wait_for_save(struct lane *lane, int64_t now)
{
	lane->wait = worker_save_wait(lane, now);
	/* Without a connection that is what it waits for. */
	if (lane->sessions == 0)
		lane->wait_until_ms = lane->wait.at_ms;
	return lane->wait.at_ms;
}

static struct work_connects *report(struct worker *w)
{
	size_t most = 0;
	LIST_EACH (it, &w->connected)
		most++;
	struct work_connects *c = xcalloc(1, sizeof(*c) + most * sizeof(c->items[0]));
	c->worker = w->options.index;
	LIST_EACH (it, &w->connected) {
		struct lane *lane = LIST_ITEM(it, struct lane, connected);
		if (lane->connects_new == 0)
			continue;
		struct work_connect_item *item = &c->items[c->count++];
		item->source = lane->source->id;
		item->connections = lane->connects_new;
		must(str_to_cstr(lane->queue->name, item->target, sizeof(item->target)) == 0);
		lane->connects_told += lane->connects_new;
		lane->connects_new = 0;
	}
	return c;
}

void worker_tell_connects(struct worker *w, bool is_last)
{
	if (list_is_empty(&w->connected) || (w->tells_connects && !is_last))
		return;
	struct work_connects *c = report(w);
	if (c->count == 0) {
		free(c);
		return;
	}
	w->wants_connects = false;
	w->tells_connects = true;
	c->next = work_post_undo(&w->posts, LETTER_CONNECTS);
	must(work_post(&w->posts, LETTER_CONNECTS, c) == NULL);
}

void worker_connects_saved(struct worker *w)
{
	w->tells_connects = false;
	LIST_EACH (it, &w->connected) {
		struct lane *lane = LIST_ITEM(it, struct lane, connected);
		bool was_full = !worker_may_connect(lane);
		lane->connects_told = 0;
		if (lane->connects_new == 0)
			list_remove(&lane->connected);
		if (was_full)
			worker_touch(lane->queue);
	}
}
