/* SPDX-License-Identifier: MIT */
/*
 * Control's side of limits wider than a worker: one table of shares for each, and what the database
 * gives the node of those over all nodes. See slices.h.
 */
#include "scheduler/node/slices.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/hash.h"
#include "ip-pool/shares.h"
#include "ip-pool/store/share_store.h"
#include "scheduler/node/node_private.h"

#define ASK_MS 1000
/* When something waits for the answer. */
#define ASK_SOON_MS 200
/* Of a long period no node takes more ahead than this part of the limit, or than it uses in so many
 * seconds: what it holds unused is lost if it dies. */
#define AHEAD_PART 20
#define AHEAD_S 4
#define LONG_MS 60000

/* What one worker said of a limit. */
struct wide_worker {
	bool speaks;
	int64_t counted, wanted;
	uint64_t sent; /* version of the share it was last sent */
};

struct wide_limit {
	struct map_node node;	 /* node.wide_limits by scope and meter */
	struct map_node by_name; /* node.wide_names by name and meter */
	struct wide_scope scope;
	struct str name; /* the scope's, the same on all nodes; owned */
	int meter;
	struct share_table table;
	struct cap cap;	 /* in force now; LIMIT_NONE: no rule */
	int64_t part;	 /* of all: what the database gave */
	int32_t version; /* of part */
	int64_t counted; /* when it last asked */
	uint64_t since;	 /* the reload that brought it: dealt when all workers go by that */
	struct wide_worker *workers;
};

struct wide_key {
	const struct wide_scope *scope;
	int meter;
};

/* -------------------------------------------------------------------------------------- limits */

static uint64_t hash_of(const struct wide_key *key)
{
	uint64_t hash = hash_str(str_from(key->scope->source));
	hash = hash * 31 + hash_str(str_from(key->scope->site));
	hash = hash * 31 + hash_str(str_from(key->scope->domain));
	hash ^= (uint64_t)key->scope->campaign * 0x9E3779B97F4A7C15u;
	return hash + (uint64_t)key->scope->level * LIMIT_METER_COUNT + (uint64_t)key->meter;
}

static bool is_same_scope(const struct wide_scope *a, const struct wide_scope *b)
{
	return a->level == b->level && a->campaign == b->campaign && a->is_tail == b->is_tail &&
	       strcmp(a->source, b->source) == 0 && strcmp(a->domain, b->domain) == 0 &&
	       strcmp(a->site, b->site) == 0;
}

static bool is_limit(const struct map_node *node, const void *key)
{
	const struct wide_limit *w = CONTAINER_OF(node, struct wide_limit, node);
	const struct wide_key *k = key;
	return w->meter == k->meter && is_same_scope(&w->scope, k->scope);
}

/* "campaign/7", "domain/shop.example/qq", "provider/qq"; owned by the caller. */
static struct str name_of(const struct wide_scope *scope)
{
	struct buf name;
	buf_init(&name, 1024);
	buf_append_cstr(&name, limit_level_name(scope->level));
	if (scope->level == LEVEL_CAMPAIGN)
		buf_appendf(&name, "/%lld", (long long)scope->campaign);
	else if (scope->level == LEVEL_DOMAIN)
		buf_appendf(&name, "/%s/%s", scope->domain, scope->site);
	else
		buf_appendf(&name, "/%s", scope->site);
	struct str own = str_of(xstrndup(name.data, name.len), name.len);
	buf_done(&name);
	return own;
}

struct name_key {
	struct str name;
	int meter;
};

static uint64_t hash_of_name(const struct name_key *key)
{
	return hash_str(key->name) + (uint64_t)key->meter;
}

static bool is_named(const struct map_node *node, const void *key)
{
	const struct wide_limit *w = CONTAINER_OF(node, struct wide_limit, by_name);
	const struct name_key *k = key;
	return w->meter == k->meter && str_equals(w->name, k->name);
}

static struct wide_limit *wide_at(struct map_node *node)
{
	return CONTAINER_OF(node, struct wide_limit, node);
}

static struct wide_limit *wide_limit_of(struct node *n, const struct wide_scope *scope, int meter)
{
	struct wide_key key = {scope, meter};
	uint64_t hash = hash_of(&key);
	struct map_node *node = map_get(&n->wide_limits, hash, is_limit, &key);
	if (node != NULL)
		return wide_at(node);
	struct wide_limit *w = xcalloc(1, sizeof(*w));
	w->scope = *scope;
	w->meter = meter;
	w->cap.count = LIMIT_NONE;
	w->workers = xcalloc(n->worker_count, sizeof(w->workers[0]));
	share_table_init(&w->table, 0);
	int64_t period_ms = limit_period_ms(limit_meter_period(meter));
	if (period_ms > w->table.turn_ms)
		w->table.turn_ms = period_ms;
	for (uint32_t i = 0; i < n->worker_count; i++)
		share_join(&w->table, i);
	w->name = name_of(scope);
	map_put(&n->wide_limits, &w->node, hash);
	map_put(&n->wide_names, &w->by_name, hash_of_name(&(struct name_key){w->name, meter}));
	return w;
}

static bool is_limited(const struct wide_limit *w)
{
	return w->cap.count != LIMIT_NONE;
}

/* Puts the number in force now into the table. A limit that was not there starts from nothing. */
static void resolve(struct node *n, struct wide_limit *w, int64_t now)
{
	struct caps caps;
	struct str site = str_from(w->scope.site);
	struct limit_scope scope = {.level = w->scope.level,
				    .provider = w->scope.is_tail ? STR("") : site,
				    .site = site,
				    .source = str_from(w->scope.source),
				    .domain = str_from(w->scope.domain),
				    .node = n->identity->node,
				    .campaign = w->scope.campaign};
	limit_resolve(&n->identity->pool->limits, &scope, NULL, now, &caps);
	bool was_limited = is_limited(w);
	w->cap = *caps_of_meter(&caps, w->meter);
	if (is_limited(w) && !was_limited) {
		w->since = n->reloads;
		w->part = w->counted = 0;
		w->version = 0;
		for (uint32_t i = 0; i < n->worker_count; i++)
			share_join(&w->table, i);
	}
	w->table.limit = is_limited(w) ? w->cap.count : 0;
	if (level_is_of_all(w->scope.level) && w->part < w->table.limit)
		w->table.limit = w->part;
}

static bool all_go_by(const struct node *n, uint64_t reload)
{
	for (size_t i = 0; i < n->worker_count; i++)
		if (!n->wishes[i].has_spoken || n->wishes[i].reload < reload)
			return false;
	return true;
}

static bool is_dealt(const struct node *n, const struct wide_limit *w)
{
	return is_limited(w) && all_go_by(n, w->since);
}

/* ------------------------------------------------------------------------------------- workers */

static size_t worth_sending(const struct wide_limit *w, uint32_t worker,
			    struct work_share_item *item)
{
	uint64_t version;
	int64_t part = share_told(&w->table, worker, &version);
	if (!w->workers[worker].speaks || version == w->workers[worker].sent)
		return 0;
	*item = (struct work_share_item){w->scope, w->meter, part, version};
	w->workers[worker].sent = version;
	return 1;
}

static bool is_in(const struct work_shares *s, const struct work_share_item *item)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->items[i].meter == item->meter &&
		    is_same_scope(&s->items[i].scope, &item->scope))
			return true;
	return false;
}

/* Shares the worker has not taken yet go again, unless there are newer ones. */
static void post_shares(struct node *n, uint32_t worker, struct work_shares *s)
{
	struct work_shares *before = work_post_undo(&n->posts[worker], LETTER_SHARES);
	if (before != NULL)
		s = xrealloc(s, sizeof(*s) + (s->count + before->count) * sizeof(s->items[0]));
	for (size_t i = 0; before != NULL && i < before->count; i++)
		if (!is_in(s, &before->items[i]))
			s->items[s->count++] = before->items[i];
	free(before);
	must(work_post(&n->posts[worker], LETTER_SHARES, s) == NULL);
}

static void send_shares(struct node *n, uint32_t worker, bool is_extended)
{
	struct work_shares *s = xcalloc(1, sizeof(*s) + n->wide_limits.count * sizeof(s->items[0]));
	s->until_ms = n->shares.until_ms;
	for (struct map_node *m = map_next(&n->wide_limits, NULL); m;
	     m = map_next(&n->wide_limits, m))
		if (is_dealt(n, wide_at(m)))
			s->count += worth_sending(wide_at(m), worker, &s->items[s->count]);
	if (s->count == 0 && !is_extended)
		free(s);
	else
		post_shares(n, worker, s);
}

static void deal(struct node *n, bool is_extended)
{
	int64_t now = loop_now_ms(n->loop);
	/* A worker that has left reads no letters. */
	if (n->wide_limits.count == 0 || n->drained_count > 0)
		return;
	for (struct map_node *m = map_next(&n->wide_limits, NULL); m;
	     m = map_next(&n->wide_limits, m)) {
		struct wide_limit *w = wide_at(m);
		resolve(n, w, now);
		if (is_dealt(n, w))
			share_deal(&w->table, now);
	}
	for (uint32_t i = 0; i < n->worker_count; i++)
		send_shares(n, i, is_extended);
}

void slices_deal(struct node *n)
{
	deal(n, false);
}

static void take_item(struct node *n, uint32_t worker, const struct work_wish_item *item)
{
	struct wide_limit *w = wide_limit_of(n, &item->scope, item->meter);
	resolve(n, w, loop_now_ms(n->loop));
	w->workers[worker].speaks = true;
	w->workers[worker].counted = item->counted;
	w->workers[worker].wanted = item->wanted;
	share_want(&w->table, worker, item->wanted);
	share_confirm(&w->table, worker, item->version, item->counted);
	if (level_is_of_all(w->scope.level) && is_limited(w) && item->wanted > 0 && w->part == 0)
		n->shares.is_urgent = true;
}

void slices_on_wish(struct node *n, struct work_wish *wish)
{
	n->wishes[wish->worker] = (struct wish_seen){true, wish->reload};
	for (size_t i = 0; i < wish->count; i++)
		take_item(n, (uint32_t)wish->worker, &wish->items[i]);
	free(wish);
	slices_deal(n);
}

/* ------------------------------------------------------------------------------------ database */

static bool has_rule_of_all(const struct node *n)
{
	const struct limit_rules *rules = &n->identity->pool->limits;
	for (size_t i = 0; i < rules->count; i++)
		if (level_is_of_all(limit_rule_level(&rules->rules[i])))
			return true;
	return false;
}

static void note_known_rule(struct node *n)
{
	const struct limit_rules *rules = &n->identity->pool->limits;
	if (all_go_by(n, n->reloads) && rules->count > 0)
		n->shares.known_rule = rules->rules[rules->count - 1].id;
}

/* Of a long period a node that is not alone takes little ahead. */
static int64_t wanted_ahead(struct wide_limit *w, int64_t wanted, int64_t counted)
{
	int64_t used = counted > w->counted ? counted - w->counted : 0;
	int64_t ahead = w->cap.count / AHEAD_PART + 1;
	w->counted = counted;
	if (limit_meter_kind(w->meter) == LIMIT_CONNECTIONS || wanted <= counted ||
	    limit_period_ms(limit_meter_period(w->meter)) <= LONG_MS)
		return wanted;
	if (ahead < used * AHEAD_S)
		ahead = used * AHEAD_S;
	return wanted < counted + ahead ? wanted : counted + ahead;
}

static struct share_ask ask_of(const struct node *n, struct wide_limit *w)
{
	int64_t counted = 0, wanted = 0;
	for (size_t i = 0; i < n->worker_count; i++) {
		counted += w->workers[i].counted;
		wanted += w->workers[i].wanted;
	}
	if (wanted > w->cap.count)
		wanted = w->cap.count;
	bool is_leaving = n->shares.is_leaving;
	return (struct share_ask){.scope = w->name,
				  .meter = w->meter,
				  .rule = w->cap.rule,
				  .limit = w->cap.count,
				  .wanted = is_leaving ? 0 : wanted_ahead(w, wanted, counted),
				  .held = is_leaving ? counted : share_held(&w->table),
				  .version = w->version};
}

static bool is_asked(const struct node *n, const struct wide_limit *w)
{
	return level_is_of_all(w->scope.level) && is_dealt(n, w);
}

static void take_given(struct node *n, const struct share_given *given)
{
	struct name_key key = {given->scope, given->meter};
	struct map_node *node = map_get(&n->wide_names, hash_of_name(&key), is_named, &key);
	struct wide_limit *w = node ? CONTAINER_OF(node, struct wide_limit, by_name) : NULL;
	if (w == NULL || !is_asked(n, w))
		return;
	n->shares.is_urgent |= given->part < w->part;
	w->part = given->part;
	w->version = given->version;
}

static void ask(struct node *n);

/* The answer before the last, or the last. */
static void go_on_leaving(struct node *n)
{
	if (!n->shares.has_left) {
		ask(n);
		return;
	}
	n->saving--;
	node_on_saved(n);
}

static void on_given(void *owner, const struct pg_reply *reply)
{
	struct node *n = owner;
	n->shares.is_asking = false;
	if (reply->fate == PG_REFUSED)
		log_error_event(LOG_WARN, "shares_not_given", reply->err);
	if (n->shares.is_leaving) {
		go_on_leaving(n);
		return;
	}
	if (reply->fate != PG_DONE)
		return;
	for (int i = 0; i < pg_rows_count(reply->rows); i++) {
		struct share_given given = share_store_given(reply->rows, i);
		take_given(n, &given);
	}
	bool is_extended = n->shares.lease_ms > n->shares.until_ms;
	if (is_extended)
		n->shares.until_ms = n->shares.lease_ms;
	deal(n, is_extended);
}

static void ask(struct node *n)
{
	struct share_asker asker = {.node = keeper_id(n->keeper).node,
				    .incarnation = keeper_id(n->keeper).incarnation,
				    .is_leaving = n->shares.is_leaving};
	struct share_ask *asks = xcalloc(n->wide_limits.count + 1, sizeof(asks[0]));
	struct pg_params params;
	size_t count = 0;
	for (struct map_node *m = map_next(&n->wide_limits, NULL); m;
	     m = map_next(&n->wide_limits, m)) {
		if (!is_asked(n, wide_at(m)))
			continue;
		asks[count] = ask_of(n, wide_at(m));
		count += asks[count].wanted > 0 || asks[count].held > 0 || wide_at(m)->part > 0;
	}
	note_known_rule(n);
	asker.known_rule = n->shares.known_rule;
	n->shares.is_asking = true;
	n->shares.is_urgent = false;
	n->shares.has_left = n->shares.is_leaving;
	n->shares.asked_ms = loop_now_ms(n->loop);
	n->shares.lease_ms = atomic_load(&n->shared.lease_until_ms);
	pg_params_init(&params);
	share_store_params(&params, &asker, asks, count);
	pg_call(n->load, SHARE_STORE_ASK, &params, on_given, n);
	pg_params_done(&params);
	free(asks);
}

void slices_ask(struct node *n)
{
	int64_t pause_ms = n->shares.is_urgent ? ASK_SOON_MS : ASK_MS;
	bool has_workers = n->worker_count > 0 && n->drained_count == 0;
	if (n->shares.is_asking || n->identity == NULL || !has_workers || !pg_is_up(n->load) ||
	    loop_now_ms(n->loop) < n->shares.asked_ms + pause_ms || !has_rule_of_all(n))
		return;
	ask(n);
}

void slices_leave(struct node *n)
{
	if (n->shares.asked_ms == 0 || !pg_is_up(n->load))
		return;
	n->saving++;
	n->shares.is_leaving = true;
	if (!n->shares.is_asking)
		ask(n);
}

void slices_free(struct node *n)
{
	struct map_node *m;
	while ((m = map_next(&n->wide_limits, NULL)) != NULL) {
		struct wide_limit *w = wide_at(m);
		map_remove(&n->wide_limits, m);
		map_remove(&n->wide_names, &w->by_name);
		free((void *)(uintptr_t)w->name.ptr);
		share_table_done(&w->table);
		free(w->workers);
		free(w);
	}
	map_done(&n->wide_limits);
	map_done(&n->wide_names);
}
