/* SPDX-License-Identifier: MIT */
/* Control's side of limits wider than a worker: one table of shares for each; see slices.h. */
#include "scheduler/node/slices.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/hash.h"
#include "ip-pool/shares.h"
#include "scheduler/node/node_private.h"

struct wide_limit {
	struct map_node node; /* node.wide_limits by scope and meter */
	struct wide_scope scope;
	int meter;
	struct share_table table;
	bool is_limited; /* there is a rule for it now */
	uint64_t since;	 /* the reload that brought it: dealt when all workers go by that */
	uint64_t *sent;	 /* version last sent, by worker */
};

struct wide_key {
	const struct wide_scope *scope;
	int meter;
};

bool level_is_wide(enum limit_level level)
{
	return level == LEVEL_SOURCE || level == LEVEL_CAMPAIGN || level == LEVEL_NODE;
}

static uint64_t hash_of(const struct wide_key *key)
{
	uint64_t hash = hash_str(str_from(key->scope->source));
	hash ^= (uint64_t)key->scope->campaign * 0x9E3779B97F4A7C15u;
	return hash + (uint64_t)key->scope->level * LIMIT_METER_COUNT + (uint64_t)key->meter;
}

static bool is_limit(const struct map_node *node, const void *key)
{
	const struct wide_limit *w = CONTAINER_OF(node, struct wide_limit, node);
	const struct wide_key *k = key;
	return w->meter == k->meter && w->scope.level == k->scope->level &&
	       w->scope.campaign == k->scope->campaign &&
	       strcmp(w->scope.source, k->scope->source) == 0;
}

static struct wide_limit *wide_limit_of(struct node *n, const struct wide_scope *scope, int meter)
{
	struct wide_key key = {scope, meter};
	uint64_t hash = hash_of(&key);
	struct map_node *node = map_get(&n->wide_limits, hash, is_limit, &key);
	if (node != NULL)
		return CONTAINER_OF(node, struct wide_limit, node);
	struct wide_limit *w = xcalloc(1, sizeof(*w));
	w->scope = *scope;
	w->meter = meter;
	w->sent = xcalloc(n->worker_count, sizeof(w->sent[0]));
	share_table_init(&w->table, 0);
	int64_t period_ms = limit_period_ms(limit_meter_period(meter));
	if (period_ms > w->table.turn_ms)
		w->table.turn_ms = period_ms;
	for (uint32_t i = 0; i < n->worker_count; i++)
		share_join(&w->table, i);
	map_put(&n->wide_limits, &w->node, hash);
	return w;
}

/* Puts the number in force now into the table. A limit that was not there starts from nothing. */
static void resolve(struct node *n, struct wide_limit *w, int64_t now)
{
	struct caps caps;
	struct limit_scope scope = {.level = w->scope.level,
				    .source = str_from(w->scope.source),
				    .node = n->identity->node,
				    .campaign = w->scope.campaign};
	limit_resolve(&n->identity->pool->limits, &scope, NULL, now, &caps);
	int64_t count = caps_of_meter(&caps, w->meter)->count;
	bool was_limited = w->is_limited;
	w->is_limited = count != LIMIT_NONE;
	w->table.limit = w->is_limited ? count : 0;
	if (!w->is_limited || was_limited)
		return;
	w->since = n->reloads;
	for (uint32_t i = 0; i < n->worker_count; i++)
		share_join(&w->table, i);
}

static bool all_go_by(const struct node *n, uint64_t reload)
{
	for (size_t i = 0; i < n->worker_count; i++)
		if (!n->wishes[i].has_spoken || n->wishes[i].reload < reload)
			return false;
	return true;
}

static size_t worth_sending(const struct wide_limit *w, uint32_t worker,
			    struct work_share_item *item)
{
	uint64_t version;
	int64_t part = share_told(&w->table, worker, &version);
	if (version == w->sent[worker])
		return 0;
	*item = (struct work_share_item){w->scope, w->meter, part, version};
	w->sent[worker] = version;
	return 1;
}

static void send_shares(struct node *n, uint32_t worker)
{
	struct work_shares *s = xcalloc(1, sizeof(*s) + n->wide_limits.count * sizeof(s->items[0]));
	for (struct map_node *m = map_next(&n->wide_limits, NULL); m;
	     m = map_next(&n->wide_limits, m)) {
		const struct wide_limit *w = CONTAINER_OF(m, struct wide_limit, node);
		if (w->is_limited && all_go_by(n, w->since))
			s->count += worth_sending(w, worker, &s->items[s->count]);
	}
	if (s->count == 0)
		free(s);
	else
		work_letter_send(worker_inbox(n->workers[worker]), &s->letter, LETTER_SHARES, s);
}

void slices_deal(struct node *n)
{
	int64_t now = loop_now_ms(n->loop);
	/* A worker that has left reads no letters. */
	if (n->wide_limits.count == 0 || n->drained_count > 0)
		return;
	for (struct map_node *m = map_next(&n->wide_limits, NULL); m;
	     m = map_next(&n->wide_limits, m)) {
		struct wide_limit *w = CONTAINER_OF(m, struct wide_limit, node);
		resolve(n, w, now);
		if (w->is_limited && all_go_by(n, w->since))
			share_deal(&w->table, now);
	}
	for (uint32_t i = 0; i < n->worker_count; i++)
		send_shares(n, i);
}

void slices_on_wish(struct node *n, struct work_wish *wish)
{
	int64_t now = loop_now_ms(n->loop);
	n->wishes[wish->worker] = (struct wish_seen){true, wish->reload};
	for (size_t i = 0; i < wish->count; i++) {
		const struct work_wish_item *item = &wish->items[i];
		struct wide_limit *w = wide_limit_of(n, &item->scope, item->meter);
		resolve(n, w, now);
		share_want(&w->table, (uint32_t)wish->worker, item->wanted);
		share_confirm(&w->table, (uint32_t)wish->worker, item->version, item->counted);
	}
	free(wish);
	slices_deal(n);
}

void slices_free(struct node *n)
{
	struct map_node *m;
	while ((m = map_next(&n->wide_limits, NULL)) != NULL) {
		struct wide_limit *w = CONTAINER_OF(m, struct wide_limit, node);
		map_remove(&n->wide_limits, m);
		share_table_done(&w->table);
		free(w->sent);
		free(w);
	}
	map_done(&n->wide_limits);
}
