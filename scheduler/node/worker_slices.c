/* SPDX-License-Identifier: MIT */
/* A worker's side of limits wider than itself: wishes out, shares in; see slices.h. */
#include "scheduler/node/slices.h"

#include <stdlib.h>
#include <string.h>

#include "scheduler/node/worker_private.h"

bool level_is_wide(enum limit_level level)
{
	return level == LEVEL_SOURCE || level == LEVEL_CAMPAIGN || level == LEVEL_NODE;
}

bool level_is_of_all(enum limit_level level)
{
	return level == LEVEL_PROVIDER || level == LEVEL_DOMAIN || level == LEVEL_CAMPAIGN;
}

static struct limiter *limiter_at(struct map_node *node)
{
	return &CONTAINER_OF(node, struct shared_limiter, node)->limiter;
}

static struct wide_scope wide_scope_of(const struct limit_scope *scope)
{
	struct wide_scope wide = {.level = scope->level,
				  .campaign = scope->campaign,
				  .is_tail = str_is_empty(scope->provider)};
	must(str_to_cstr(scope->source, wide.source, sizeof(wide.source)) == 0);
	must(str_to_cstr(scope->domain, wide.domain, sizeof(wide.domain)) == 0);
	must(str_to_cstr(scope->site, wide.site, sizeof(wide.site)) == 0);
	return wide;
}

static bool has_share(const struct limiter *l, int meter)
{
	return l->is_divided && caps_of_meter(&l->caps, meter)->count != LIMIT_NONE;
}

static size_t count_items(struct worker *w)
{
	size_t count = 0;
	for (struct map_node *n = map_next(&w->limiters, NULL); n; n = map_next(&w->limiters, n))
		for (int m = 0; m < LIMIT_METER_COUNT; m++)
			count += has_share(limiter_at(n), m);
	return count;
}

static void add_items(struct work_wish *wish, struct limiter *l, int64_t now)
{
	for (int m = 0; m < LIMIT_METER_COUNT; m++)
		if (has_share(l, m))
			wish->items[wish->count++] =
				(struct work_wish_item){.scope = wide_scope_of(&l->scope),
							.meter = m,
							.counted = limiter_counted(l, m, now),
							.wanted = limiter_wanted(l, m, now),
							.version = l->shares[m].version};
}

void worker_send_wish(struct worker *w)
{
	int64_t now = loop_now_ms(w->loop);
	w->wants_wish = false;
	struct work_wish *wish =
		xcalloc(1, sizeof(*wish) + count_items(w) * sizeof(wish->items[0]));
	wish->worker = w->options.index;
	wish->reload = w->reload;
	for (struct map_node *n = map_next(&w->limiters, NULL); n; n = map_next(&w->limiters, n))
		add_items(wish, limiter_at(n), now);
	free(work_post(&w->posts, LETTER_SHARES, wish));
}

void worker_wish_tick(struct worker *w)
{
	worker_send_wish(w);
	for (struct map_node *n = map_next(&w->limiters, NULL); n; n = map_next(&w->limiters, n))
		limiter_want_anew(limiter_at(n));
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
	struct str site = str_from(item->scope.site);
	struct limit_scope scope = {.level = item->scope.level,
				    .provider = item->scope.is_tail ? STR("") : site,
				    .site = site,
				    .source = str_from(item->scope.source),
				    .domain = str_from(item->scope.domain),
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

/* True if they could not be used any more before. */
static bool extend_shares(struct worker *w, int64_t until_ms)
{
	bool was_over = w->shares_until_ms <= loop_now_ms(w->loop);
	if (until_ms == w->shares_until_ms)
		return false;
	w->shares_until_ms = until_ms;
	for (struct map_node *n = map_next(&w->limiters, NULL); n; n = map_next(&w->limiters, n))
		if (level_is_of_all(limiter_at(n)->scope.level))
			limiter_extend_shares(limiter_at(n), until_ms);
	return was_over;
}

void worker_take_shares(struct worker *w, struct work_shares *shares)
{
	bool is_any_less = false;
	bool is_news = extend_shares(w, shares->until_ms) || shares->count > 0;
	for (size_t i = 0; i < shares->count; i++)
		is_any_less |= take_share(w, &shares->items[i]);
	free(shares);
	for (struct map_node *n = map_next(&w->queues, NULL); n && is_news;
	     n = map_next(&w->queues, n)) {
		struct worker_queue *q = CONTAINER_OF(n, struct worker_queue, by_name);
		worker_queue_shed(q);
		q->open_after_ms = 0;
		worker_touch(q);
	}
	if (is_any_less)
		worker_send_wish(w);
}
