/* SPDX-License-Identifier: MIT */
/* Shares of limits wider than a worker. Pure; owned by who deals them. */
#include "ip-pool/shares.h"

#include <stdlib.h>

#define TURN_MS 1000

void share_table_init(struct share_table *t, int64_t limit)
{
	t->limit = limit;
	t->turn_ms = TURN_MS;
	list_init(&t->holders);
}

void share_table_done(struct share_table *t)
{
	if (t == NULL || t->holders.next == NULL)
		return;
	struct list *node;
	while ((node = list_pop_front(&t->holders)) != NULL)
		free(LIST_ITEM(node, struct share_holder, node));
}

static struct share_holder *holder_of(const struct share_table *t, uint32_t holder)
{
	LIST_EACH (it, &t->holders) {
		struct share_holder *h = LIST_ITEM(it, struct share_holder, node);
		if (h->holder == holder)
			return h;
	}
	return NULL;
}

void share_join(struct share_table *t, uint32_t holder)
{
	struct share_holder *h = holder_of(t, holder);
	if (h == NULL) {
		h = xcalloc(1, sizeof(*h));
		h->holder = holder;
		list_init(&h->node);
		list_push_back(&t->holders, &h->node);
	}
	h->held = h->told = h->wanted = h->target = h->empty_ms = 0;
	h->version++;
}

void share_want(struct share_table *t, uint32_t holder, int64_t wanted)
{
	struct share_holder *h = holder_of(t, holder);
	if (h != NULL)
		h->wanted = wanted > 0 ? wanted : 0;
}

void share_confirm(struct share_table *t, uint32_t holder, uint64_t version, int64_t counted)
{
	struct share_holder *h = holder_of(t, holder);
	if (h == NULL)
		return;
	/* Until it goes by our last word it may still fill what it had. */
	int64_t least = version == h->version ? h->told : h->held;
	h->held = counted > least ? counted : least;
}

/*
 * The highest level L such that Σ min(wanted, L) ≤ pool; *rest_out: what is left over to give one
 * more each to the first who want more than L.
 */
static int64_t water_level(const struct share_table *t, int64_t pool, int64_t *rest_out)
{
	int64_t low = 0;
	int64_t high = pool;
	while (low < high) {
		int64_t middle = low + (high - low + 1) / 2;
		int64_t sum = 0;
		LIST_EACH (it, &t->holders) {
			int64_t wanted = LIST_ITEM(it, struct share_holder, node)->wanted;
			sum += wanted < middle ? wanted : middle;
		}
		if (sum <= pool)
			low = middle;
		else
			high = middle - 1;
	}
	*rest_out = pool;
	LIST_EACH (it, &t->holders) {
		int64_t wanted = LIST_ITEM(it, struct share_holder, node)->wanted;
		*rest_out -= wanted < low ? wanted : low;
	}
	return low;
}

/* When nobody is short each who wants has an equal part of the rest, to grow into. */
static int64_t spare_of(const struct share_table *t, int64_t level, int64_t rest)
{
	int64_t wanting = 0;
	LIST_EACH (it, &t->holders) {
		int64_t wanted = LIST_ITEM(it, struct share_holder, node)->wanted;
		if (wanted > level)
			return 0;
		wanting += wanted > 0;
	}
	return wanting > 0 ? rest / wanting : 0;
}

static void tell(struct share_holder *h, int64_t part)
{
	h->told = part;
	h->version++;
}

/* With fewer permits than holders some get nothing: they take turns. */
static void serve_starved_first(struct share_table *t, int64_t now)
{
	LIST_EACH (it, &t->holders) {
		struct share_holder *h = LIST_ITEM(it, struct share_holder, node);
		if (h->wanted == 0 || h->told > 0) {
			h->empty_ms = 0;
		} else if (h->empty_ms == 0) {
			h->empty_ms = now;
		} else if (now - h->empty_ms >= t->turn_ms) {
			h->empty_ms = now;
			list_remove(&h->node);
			list_push_front(&t->holders, &h->node);
		}
	}
}

/* Fixes everybody's fair part and shrinks who has more; returns what is held in all. */
static int64_t shrink(struct share_table *t, int64_t pool)
{
	int64_t rest;
	int64_t held = 0;
	int64_t level = water_level(t, pool, &rest);
	int64_t spare = spare_of(t, level, rest);
	LIST_EACH (it, &t->holders) {
		struct share_holder *h = LIST_ITEM(it, struct share_holder, node);
		h->target = h->wanted < level ? h->wanted : level;
		h->target += h->wanted > 0 ? spare : 0;
		if (h->wanted > level && rest > 0) {
			h->target++;
			rest--;
		}
		if (h->target < h->told)
			tell(h, h->target);
		held += h->held;
	}
	return held;
}

void share_deal(struct share_table *t, int64_t now)
{
	serve_starved_first(t, now);
	int64_t room = t->limit - shrink(t, t->limit);
	LIST_EACH (it, &t->holders) {
		struct share_holder *h = LIST_ITEM(it, struct share_holder, node);
		int64_t most = h->held + (room > 0 ? room : 0);
		int64_t part = h->target < most ? h->target : most;
		if (part <= h->told)
			continue;
		tell(h, part);
		if (part <= h->held)
			continue;
		room -= part - h->held;
		h->held = part;
	}
}

int64_t share_held(const struct share_table *t)
{
	int64_t sum = 0;
	LIST_EACH (it, &t->holders)
		sum += LIST_ITEM(it, struct share_holder, node)->held;
	return sum;
}

int64_t share_told(const struct share_table *t, uint32_t holder, uint64_t *version_out)
{
	const struct share_holder *h = holder_of(t, holder);
	*version_out = h != NULL ? h->version : 0;
	return h != NULL ? h->told : 0;
}
