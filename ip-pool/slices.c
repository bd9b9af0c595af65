/* SPDX-License-Identifier: MIT */
/* Slices and shares of limits wider than a worker. Pure; owned by the issuer. */
#include "ip-pool/slices.h"

#include <stdlib.h>

#define TURN_MS 1000
#define PARTS 20 /* a slice lives at most a 20th of the period */
#define NOT_ENDED INT64_MAX

/* -- slices -- */

void slice_book_init(struct slice_book *b, int64_t limit, enum limit_period period)
{
	*b = (struct slice_book){
		.limit = limit, .period_ms = limit_period_ms(period), .next_id = 1};
	list_init(&b->slices);
}

static void drop(struct slice_book *b, struct slice *s)
{
	b->outstanding -= s->count;
	list_remove(&s->node);
	free(s);
}

void slice_book_done(struct slice_book *b)
{
	if (b == NULL || b->slices.next == NULL)
		return;
	LIST_EACH (it, &b->slices)
		drop(b, LIST_ITEM(it, struct slice, node));
}

/* Forgets slices that ended a period ago; returns when the next one will be, at the earliest. */
static int64_t forget(struct slice_book *b, int64_t now)
{
	int64_t next = now + b->period_ms / PARTS;
	LIST_EACH (it, &b->slices) {
		struct slice *s = LIST_ITEM(it, struct slice, node);
		if (s->end_ms == NOT_ENDED)
			continue;
		if (s->end_ms <= now - b->period_ms)
			drop(b, s);
		else if (s->end_ms + b->period_ms < next)
			next = s->end_ms + b->period_ms;
	}
	return next;
}

static struct slice *new_slice(struct slice_book *b, uint32_t holder, int64_t count)
{
	struct slice *s = xcalloc(1, sizeof(*s));
	s->id = b->next_id++;
	s->holder = holder;
	s->count = count;
	s->end_ms = NOT_ENDED;
	list_init(&s->node);
	list_push_back(&b->slices, &s->node);
	b->outstanding += count;
	return s;
}

struct slice_grant slice_issue(struct slice_book *b, uint32_t holder, int64_t wanted, int64_t now)
{
	int64_t next = forget(b, now);
	int64_t count = b->limit - b->outstanding;
	if (count > wanted)
		count = wanted;
	if (count <= 0)
		return (struct slice_grant){0, 0, next};
	struct slice *s = new_slice(b, holder, count);
	s->until_ms = now + b->period_ms / PARTS;
	return (struct slice_grant){s->id, count, s->until_ms};
}

void slice_ended(struct slice_book *b, uint64_t id, int64_t unused, int64_t end_ms)
{
	LIST_EACH (it, &b->slices) {
		struct slice *s = LIST_ITEM(it, struct slice, node);
		if (s->id != id || s->end_ms != NOT_ENDED)
			continue;
		int64_t back = unused < s->count ? unused : s->count;
		s->count -= back;
		b->outstanding -= back;
		s->end_ms = end_ms;
		return;
	}
}

void slice_holder_lost(struct slice_book *b, uint32_t holder, int64_t now)
{
	LIST_EACH (it, &b->slices) {
		struct slice *s = LIST_ITEM(it, struct slice, node);
		if (s->holder == holder && s->end_ms == NOT_ENDED)
			s->end_ms = s->until_ms > now ? s->until_ms : now;
	}
}

void slice_add_usage(struct slice_book *b, int64_t at_ms, int64_t n)
{
	if (n > 0)
		new_slice(b, 0, n)->end_ms = at_ms;
}

/* -- shares -- */

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
	h->held = h->told = h->wanted = h->target = h->lost_ms = h->empty_ms = 0;
	h->version++;
}

void share_want(struct share_table *t, uint32_t holder, int64_t wanted)
{
	struct share_holder *h = holder_of(t, holder);
	if (h != NULL && h->lost_ms == 0)
		h->wanted = wanted > 0 ? wanted : 0;
}

void share_confirm(struct share_table *t, uint32_t holder, uint64_t version, int64_t counted)
{
	struct share_holder *h = holder_of(t, holder);
	if (h == NULL || h->lost_ms != 0)
		return;
	/* Until it goes by our last word it may still fill what it had. */
	int64_t least = version == h->version ? h->told : h->held;
	h->held = counted > least ? counted : least;
}

void share_lost(struct share_table *t, uint32_t holder, int64_t now)
{
	struct share_holder *h = holder_of(t, holder);
	if (h == NULL || h->lost_ms != 0)
		return;
	h->lost_ms = now != 0 ? now : 1;
	h->wanted = 0;
}

static void forget_lost(struct share_table *t, int64_t now)
{
	LIST_EACH (it, &t->holders) {
		struct share_holder *h = LIST_ITEM(it, struct share_holder, node);
		if (h->lost_ms == 0 || now - h->lost_ms < SLICES_CONNECTION_GRACE_MS)
			continue;
		list_remove(&h->node);
		free(h);
	}
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

/* What is held by those who are lost. */
static int64_t lost_part(const struct share_table *t)
{
	int64_t sum = 0;
	LIST_EACH (it, &t->holders) {
		const struct share_holder *h = LIST_ITEM(it, struct share_holder, node);
		sum += h->lost_ms != 0 ? h->held : 0;
	}
	return sum;
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
	LIST_EACH (it, &t->holders) {
		struct share_holder *h = LIST_ITEM(it, struct share_holder, node);
		h->target = h->wanted < level ? h->wanted : level;
		if (h->wanted > level && rest > 0) {
			h->target++;
			rest--;
		}
		if (h->lost_ms == 0 && h->target < h->told)
			tell(h, h->target);
		held += h->held;
	}
	return held;
}

void share_deal(struct share_table *t, int64_t now)
{
	forget_lost(t, now);
	serve_starved_first(t, now);
	int64_t pool = t->limit - lost_part(t);
	int64_t room = t->limit - shrink(t, pool > 0 ? pool : 0);
	LIST_EACH (it, &t->holders) {
		struct share_holder *h = LIST_ITEM(it, struct share_holder, node);
		int64_t most = h->held + (room > 0 ? room : 0);
		int64_t part = h->target < most ? h->target : most;
		if (h->lost_ms != 0 || part <= h->told)
			continue;
		tell(h, part);
		if (part <= h->held)
			continue;
		room -= part - h->held;
		h->held = part;
	}
}

int64_t share_told(const struct share_table *t, uint32_t holder, uint64_t *version_out)
{
	const struct share_holder *h = holder_of(t, holder);
	*version_out = h != NULL ? h->version : 0;
	return h != NULL ? h->told : 0;
}
