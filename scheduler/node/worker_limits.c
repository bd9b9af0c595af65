/* SPDX-License-Identifier: MIT */
/*
 * Limiters wider than a lane on one worker: source, provider, sending domain at a provider,
 * campaign, node. See worker_private.h.
 */
#include <stdlib.h>

#include "engine/base/hash.h"
#include "scheduler/node/worker_private.h"

static void append_key(struct buf *key, const struct limit_scope *s)
{
	buf_appendf(key, "%d/%.*s/%.*s/%.*s/%.*s/%.*s/%lld", (int)s->level, STR_ARG(s->provider),
		    STR_ARG(s->site), STR_ARG(s->source), STR_ARG(s->domain), STR_ARG(s->node),
		    (long long)s->campaign);
}

static bool has_key(const struct map_node *node, const void *key)
{
	const struct shared_limiter *l = CONTAINER_OF(node, struct shared_limiter, node);
	return str_equals(buf_str(&l->key), *(const struct str *)key);
}

/* The scope with its strings copied into one block, which *block_out owns. */
static struct limit_scope own_scope(const struct limit_scope *scope, char **block_out)
{
	struct limit_scope own = *scope;
	struct str *fields[] = {&own.provider, &own.site, &own.source, &own.domain, &own.node};
	struct buf block;
	buf_init(&block, 4096);
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		buf_append_str(&block, *fields[i]);
	must(!block.is_truncated);
	char *bytes = xstrndup(block.data ? block.data : "", block.len);
	size_t at = 0;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		*fields[i] = str_of(bytes + at, fields[i]->len);
		at += fields[i]->len;
	}
	buf_done(&block);
	*block_out = bytes;
	return own;
}

/* Connections that lanes of a source may have had when a process before this one was killed. */
struct left_open {
	const struct worker *worker;
	struct str source;
	struct str only; /* the target that counts; empty: all */
	int64_t connections;
};

static void add_left_open(void *owner, struct str target)
{
	struct left_open *left = owner;
	if (left->only.len > 0 && !str_equals(left->only, target))
		return;
	const struct ip_pool_snapshot *pool = left->worker->identity->pool;
	const struct provider *provider = provider_find(pool->providers, target);
	struct limit_scope lane = {.level = LEVEL_LANE,
				   .provider = provider ? target : STR(""),
				   .site = target,
				   .source = left->source};
	struct caps caps;
	limit_resolve(&pool->limits, &lane, provider ? &provider->limits : NULL,
		      loop_now_ms(left->worker->loop), &caps);
	left->connections += caps.connections.count;
}

/* Whose past it is. */
struct shared_past {
	const struct worker *worker;
	const struct limiter *limiter;
};

static int64_t left_open(const void *owner, const struct past_view *view, size_t stop)
{
	const struct shared_past *of = owner;
	const struct limit_scope *scope = &of->limiter->scope;
	const struct ip_pool_snapshot *pool = of->worker->identity->pool;
	struct left_open left = {.worker = of->worker, .only = scope->site};
	struct past_targets want = {
		.stop = stop, .scope = scope, .on_target = add_left_open, .owner = &left};
	for (size_t i = 0; i < pool->source_count; i++) {
		want.source = pool->sources[i].id;
		left.source = pool->sources[i].name;
		if (scope->level != LEVEL_SOURCE || str_equals(scope->source, left.source))
			past_targets(view, &want);
	}
	int64_t cap = of->limiter->caps.connections.count;
	return cap != LIMIT_NONE && cap < left.connections ? cap : left.connections;
}

static void apply_past(struct worker *w, struct limiter *l, int64_t now)
{
	struct past_view view = {w->options.past, w->options.index, w->options.workers};
	struct shared_past of = {w, l};
	struct past_extent extent = {.connections = left_open,
				     .owner = &of,
				     .close_ms = w->options.settings.timeouts.close_ms,
				     .may_overlap = w->options.settings.may_overlap};
	if (l->scope.level == LEVEL_SOURCE) {
		const struct source *s = ip_pool_source(w->identity->pool, l->scope.source);
		if (s == NULL)
			return;
		extent.source = s->id;
	}
	past_apply(&view, &extent, l, now);
}

struct limiter *worker_limiter(struct worker *w, const struct limit_scope *scope)
{
	struct buf key;
	buf_init(&key, 4096);
	append_key(&key, scope);
	struct str name = buf_str(&key);
	uint64_t hash = hash_str(name);
	struct map_node *node = map_get(&w->limiters, hash, has_key, &name);
	if (node != NULL) {
		buf_done(&key);
		return &CONTAINER_OF(node, struct shared_limiter, node)->limiter;
	}
	struct shared_limiter *l = xcalloc(1, sizeof(*l));
	int64_t now = loop_now_ms(w->loop);
	l->key = key;
	struct limit_scope own = own_scope(scope, &l->strings);
	limiter_init(&l->limiter, &own, now);
	if (level_is_of_all(scope->level))
		limiter_divide(&l->limiter, w->shares_until_ms);
	else if (w->options.workers > 1)
		limiter_divide(&l->limiter, LIMIT_FOREVER);
	limiter_bind(&l->limiter, &w->identity->pool->limits, NULL, now);
	apply_past(w, &l->limiter, now);
	map_put(&w->limiters, &l->node, hash);
	return &l->limiter;
}

static void make_campaign_limiter(void *owner, int64_t campaign)
{
	struct limit_scope scope = {.level = LEVEL_CAMPAIGN, .campaign = campaign};
	(void)worker_limiter(owner, &scope);
}

void worker_limiters_open(struct worker *w)
{
	const struct ip_pool_snapshot *pool = w->identity->pool;
	struct past_view view = {w->options.past, w->options.index, w->options.workers};
	struct limit_scope node = {.level = LEVEL_NODE, .node = w->identity->node};
	(void)worker_limiter(w, &node);
	for (size_t i = 0; i < pool->source_count; i++) {
		struct limit_scope source = {.level = LEVEL_SOURCE,
					     .source = pool->sources[i].name};
		(void)worker_limiter(w, &source);
	}
	past_campaigns(&view, make_campaign_limiter, w);
}

void worker_limiters_bind(struct worker *w)
{
	int64_t now = loop_now_ms(w->loop);
	w->limits_round++;
	for (struct map_node *n = map_next(&w->limiters, NULL); n; n = map_next(&w->limiters, n))
		limiter_bind(&CONTAINER_OF(n, struct shared_limiter, node)->limiter,
			     &w->identity->pool->limits, NULL, now);
}

static void drop(struct worker *w, struct shared_limiter *l)
{
	map_remove(&w->limiters, &l->node);
	buf_done(&l->key);
	free(l->strings);
	free(l);
}

void worker_limiters_evict(struct worker *w, int64_t now)
{
	size_t before = w->limiters.count;
	struct map_node *n = map_next(&w->limiters, NULL);
	while (n != NULL) {
		struct shared_limiter *l = CONTAINER_OF(n, struct shared_limiter, node);
		n = map_next(&w->limiters, n);
		if (l->limiter.scope.level == LEVEL_CAMPAIGN && limiter_is_blank(&l->limiter, now))
			drop(w, l);
	}
	if (w->limiters.count < before)
		w->limits_round++;
}

void worker_limiters_free(struct worker *w)
{
	struct map_node *n;
	while ((n = map_next(&w->limiters, NULL)) != NULL)
		drop(w, CONTAINER_OF(n, struct shared_limiter, node));
	map_done(&w->limiters);
}

/* Tail sites are many: a limiter over all sources or for a domain there is kept only while a rule
 * could act on it. */
static struct limiter *limiter_if_ruled(struct worker *w, const struct limit_scope *scope)
{
	if (scope->provider.len > 0)
		return worker_limiter(w, scope);
	for (size_t i = 0; i < w->identity->pool->limits.count; i++)
		if (limit_rule_matches(&w->identity->pool->limits.rules[i], scope))
			return worker_limiter(w, scope);
	return NULL;
}

static void find_path(struct lane *lane)
{
	struct worker *w = lane->queue->worker;
	struct worker_queue *q = lane->queue;
	struct limit_scope source = {.level = LEVEL_SOURCE, .source = lane->source->name};
	struct limit_scope provider = {
		.level = LEVEL_PROVIDER, .provider = q->provider, .site = q->name};
	struct limit_scope node = {.level = LEVEL_NODE, .node = w->identity->node};
	lane->path = (struct permit_path){.lane = &lane->limits};
	lane->path.shared[LEVEL_SOURCE] = worker_limiter(w, &source);
	lane->path.shared[LEVEL_PROVIDER] = limiter_if_ruled(w, &provider);
	lane->path.shared[LEVEL_NODE] = worker_limiter(w, &node);
	lane->path_campaign = 0;
	lane->paths_round = w->limits_round;
}

static void find_campaign_path(struct lane *lane, const struct campaign_snapshot *campaign)
{
	struct worker *w = lane->queue->worker;
	struct worker_queue *q = lane->queue;
	struct limit_scope domain = {.level = LEVEL_DOMAIN,
				     .provider = q->provider,
				     .site = q->name,
				     .domain = campaign->from_domain};
	struct limit_scope whole = {.level = LEVEL_CAMPAIGN, .campaign = campaign->id};
	lane->campaign_path = lane->path;
	lane->campaign_path.shared[LEVEL_DOMAIN] = limiter_if_ruled(w, &domain);
	lane->campaign_path.shared[LEVEL_CAMPAIGN] = worker_limiter(w, &whole);
	lane->path_campaign = campaign->id;
	lane->path_version = campaign->version;
}

struct permit_path worker_path(struct lane *lane, const struct campaign_snapshot *campaign)
{
	if (lane->paths_round != lane->queue->worker->limits_round)
		find_path(lane);
	if (campaign == NULL)
		return lane->path;
	if (lane->path_campaign != campaign->id || lane->path_version != campaign->version)
		find_campaign_path(lane, campaign);
	return lane->campaign_path;
}
