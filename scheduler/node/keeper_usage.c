/* SPDX-License-Identifier: MIT */
/*
 * What limits by the hour and day must find after a restart: messages by lane, sending domain and
 * campaign, as running totals of each minute, in the flush that settles them. Control thread.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/base/hash.h"
#include "scheduler/node/keeper_private.h"

#define MINUTE_US INT64_C(60000000)

struct usage_total {
	struct map_node node; /* keeper.usage */
	struct list
		line; /* keeper.usage_dirty, or .usage_flying: in the flush under way; or nowhere */
	struct usage usage; /* of the minute it was last counted in; target stands in text */
	bool is_dirty;	    /* counted since it was last put into a flush */
	char text[];
};

static bool is_total(const struct map_node *node, const void *key)
{
	const struct usage *have = &CONTAINER_OF(node, struct usage_total, node)->usage;
	const struct node_usage *want = key;
	return have->source_id == (int32_t)want->source &&
	       have->sending_domain_id == want->sending_domain &&
	       have->campaign == want->campaign && str_equals(have->target, want->target);
}

static struct usage_total *total_of(struct keeper *k, const struct node_usage *u)
{
	uint64_t hash = hash_str(u->target) + (uint64_t)u->source * 0x9E3779B97F4A7C15u +
			(uint64_t)u->campaign * 0xC2B2AE3D27D4EB4Fu + (uint64_t)u->sending_domain;
	struct map_node *node = map_get(&k->usage, hash, is_total, u);
	if (node != NULL)
		return CONTAINER_OF(node, struct usage_total, node);
	struct usage_total *t = xcalloc(1, sizeof(*t) + u->target.len);
	list_init(&t->line);
	if (u->target.len > 0)
		memcpy(t->text, u->target.ptr, u->target.len);
	t->usage = (struct usage){.source_id = (int32_t)u->source,
				  .sending_domain_id = u->sending_domain,
				  .campaign = u->campaign,
				  .target = str_of(t->text, u->target.len)};
	map_put(&k->usage, &t->node, hash);
	return t;
}

void keeper_usage(struct keeper *k, const struct node_usage *u)
{
	struct usage_total *t = total_of(k, u);
	int64_t minute_us = keeper_now_us(k) / MINUTE_US * MINUTE_US;
	if (t->usage.minute_us != minute_us) {
		/* What is not flushed of the minute before goes on counting a little longer. */
		if (list_is_empty(&t->line))
			t->usage.messages = t->usage.connections = 0;
		t->usage.minute_us = minute_us;
	}
	t->usage.messages += u->messages;
	t->usage.connections += u->connections;
	t->is_dirty = true;
	k->usage_told++;
	if (list_is_empty(&t->line))
		list_push_back(&k->usage_dirty, &t->line);
	keeper_flush_soon(k);
}

uint64_t keeper_usage_told(const struct keeper *k)
{
	return k->usage_told;
}

/* While something is refused it waits for others to go, and goes by itself when there are none:
 * lanes may wait for it, without whose connections nothing else comes. */
bool keeper_has_usage_news(const struct keeper *k)
{
	return !list_is_empty(&k->usage_dirty) &&
	       (refusals_are_over(&k->refusals) || list_is_empty(&k->dirty));
}

static void drop(struct keeper *k, struct usage_total *t)
{
	map_remove(&k->usage, &t->node);
	list_remove(&t->line);
	free(t);
}

/* Totals of lanes that have nothing to tell any more. */
static void drop_old(struct keeper *k)
{
	int64_t now_us = keeper_now_us(k);
	if (now_us - k->usage_swept_us < MINUTE_US)
		return;
	k->usage_swept_us = now_us;
	struct map_node *node = map_next(&k->usage, NULL);
	while (node != NULL) {
		struct usage_total *t = CONTAINER_OF(node, struct usage_total, node);
		node = map_next(&k->usage, node);
		if (list_is_empty(&t->line) && t->usage.minute_us < now_us - 2 * MINUTE_US)
			drop(k, t);
	}
}

void keeper_add_usage(struct keeper *k)
{
	struct list *node;
	drop_old(k);
	k->usage_in_flush = k->usage_told;
	while ((node = list_pop_front(&k->usage_dirty)) != NULL) {
		struct usage_total *t = LIST_ITEM(node, struct usage_total, line);
		flush_usage(k->flush, &t->usage);
		t->is_dirty = false;
		list_push_back(&k->usage_flying, &t->line);
		k->has_usage = true;
	}
}

void keeper_land_usage(struct keeper *k, bool is_accepted)
{
	struct list *node;
	k->has_usage = false;
	while ((node = list_pop_front(&k->usage_flying)) != NULL) {
		struct usage_total *t = LIST_ITEM(node, struct usage_total, line);
		t->is_dirty |= !is_accepted;
		if (t->is_dirty)
			list_push_back(&k->usage_dirty, &t->line);
	}
	if (is_accepted && k->usage_in_flush > 0)
		k->options.events->on_usage(k->options.owner, k->usage_in_flush);
	k->usage_in_flush = 0;
}

void keeper_drop_usage(struct keeper *k)
{
	struct map_node *node;
	while ((node = map_next(&k->usage, NULL)) != NULL)
		drop(k, CONTAINER_OF(node, struct usage_total, node));
	map_done(&k->usage);
}
