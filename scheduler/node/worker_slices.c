/* SPDX-License-Identifier: MIT */
/* A worker's side of limits wider than itself: wishes out, shares in; see slices.h. */
#include "scheduler/node/slices.h"

#include <stdlib.h>
#include <string.h>

#include "scheduler/node/worker_private.h"

static struct shared_limiter *limiter_at(struct map_node *node)
{
	return CONTAINER_OF(node, struct shared_limiter, node);
}

static struct wide_scope wide_scope_of(const struct limit_scope *scope)
{
	struct wide_scope wide = {.level = scope->level, .campaign = scope->campaign};
	must(str_to_cstr(scope->source, wide.source, sizeof(wide.source)) == 0);
	return wide;
}

/* What it counts, and as much again as a quarter of it while nobody waits: who waits wants all. */
static int64_t wanted_of(const struct limiter_share *share, int64_t counted)
{
	if (share->is_short)
		return LIMIT_MAX_COUNT;
	return counted > 0 ? counted + counted / 4 + 1 : 0;
}

static size_t add_items(struct limiter *l, int64_t now, struct work_wish_item *items)
{
	size_t count = 0;
	for (int m = 0; m < LIMIT_METER_COUNT; m++) {
		struct limiter_share *share = &l->shares[m];
		if (caps_of_meter(&l->caps, m)->count == LIMIT_NONE)
			continue;
		int64_t counted = limiter_counted(l, m, now);
		items[count++] = (struct work_wish_item){.scope = wide_scope_of(&l->scope),
							 .meter = m,
							 .counted = counted,
							 .wanted = wanted_of(share, counted),
							 .version = share->version};
		share->was_short = share->is_short;
	}
	return count;
}

void worker_send_wish(struct worker *w)
{
	int64_t now = loop_now_ms(w->loop);
	w->wants_wish = false;
	if (w->options.workers == 1)
		return;
	struct work_wish *wish = xcalloc(1, sizeof(*wish) + w->limiters.count * LIMIT_METER_COUNT *
								    sizeof(wish->items[0]));
	wish->worker = w->options.index;
	wish->reload = w->reload;
	for (struct map_node *n = map_next(&w->limiters, NULL); n; n = map_next(&w->limiters, n))
		if (limiter_at(n)->limiter.is_divided)
			wish->count +=
				add_items(&limiter_at(n)->limiter, now, &wish->items[wish->count]);
	work_letter_send(w->options.control, &wish->letter, LETTER_SHARES, wish);
}

void worker_wish_tick(struct worker *w)
{
	worker_send_wish(w);
	for (struct map_node *n = map_next(&w->limiters, NULL); n; n = map_next(&w->limiters, n))
		for (int m = 0; m < LIMIT_METER_COUNT; m++)
			limiter_at(n)->limiter.shares[m].is_short = false;
}

void worker_note_short(struct worker *w, const struct permit_path *path,
		       const struct limiter_wait *wait)
{
	struct limiter *l = path->shared[wait->level];
	if (l == NULL || !l->is_divided)
		return;
	struct limiter_share *share = &l->shares[limit_meter(wait->kind, wait->period)];
	share->is_short = true;
	if (!share->was_short)
		w->wants_wish = true;
}

static bool take_share(struct worker *w, const struct work_share_item *item)
{
	struct limit_scope scope = {.level = item->scope.level,
				    .source = str_from(item->scope.source),
				    .campaign = item->scope.campaign};
	if (scope.level == LEVEL_NODE)
		scope.node = w->identity->node;
	struct limiter *l = worker_limiter(w, &scope);
	bool is_less = item->part < l->shares[item->meter].part;
	/* The limit may be gone here already: then its share is nothing to keep. */
	if (caps_of_meter(&l->caps, item->meter)->count != LIMIT_NONE)
		limiter_set_share(l, item->meter, item->part, item->version);
	return is_less;
}

void worker_take_shares(struct worker *w, struct work_shares *shares)
{
	bool is_any_less = false;
	for (size_t i = 0; i < shares->count; i++)
		is_any_less |= take_share(w, &shares->items[i]);
	free(shares);
	for (struct map_node *n = map_next(&w->queues, NULL); n; n = map_next(&w->queues, n)) {
		struct worker_queue *q = CONTAINER_OF(n, struct worker_queue, by_name);
		worker_queue_shed(q);
		q->open_after_ms = 0;
		worker_touch(q);
	}
	if (is_any_less)
		worker_send_wish(w);
}
