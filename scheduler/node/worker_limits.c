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
	struct str only;	/* the target that counts; empty: all */
	int64_t from_ms, to_ms; /* when they may have been opened */
	struct past_left sum;
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
	const struct limit_values *profile = provider ? &provider->limits : NULL;
	left->sum.connections += limit_most_connections(&pool->past_limits, &lane, profile,
							left->from_ms, left->to_ms);
	left->sum.connects +=
		worker_left_connects(left->worker, &lane, profile, left->from_ms, left->to_ms);
}

static bool is_provider(const void *owner, struct str target)
{
	const struct left_open *left = owner;
	return provider_find(left->worker->identity->pool->providers, target) != NULL;
}

/* Whose past it is. */
struct shared_past {
	const struct worker *worker;
	const struct limiter *limiter;
	const struct worker_queue *queue; /* its lanes are counted otherwise; NULL: none are */
};

static struct lane *lane_of(const struct worker_queue *q, uint32_t source)
{
	for (size_t i = 0; i < q->source_count; i++)
		if (q->lanes[i] != NULL && q->lanes[i]->source->id == source)
			return q->lanes[i];
	LIST_EACH (it, &q->retired)
		if (LIST_ITEM(it, struct lane, retired)->source->id == source)
			return LIST_ITEM(it, struct lane, retired);
	return NULL;
}

static bool is_counted(const void *owner, uint32_t source)
{
	const struct shared_past *of = owner;
	return of->queue != NULL && lane_of(of->queue, source) != NULL;
}

static struct past_left left_over(const void *owner, const struct past_view *view, size_t stop)
{
	const struct shared_past *of = owner;
	const struct limit_scope *scope = &of->limiter->scope;
	const struct ip_pool_snapshot *pool = of->worker->identity->pool;
	struct left_open left = {.worker = of->worker, .only = scope->site};
	past_stop_span(view, stop, &left.from_ms, &left.to_ms);
	struct past_targets want = {.stop = stop,
				    .scope = scope,
				    .on_target = add_left_open,
				    .is_provider = is_provider,
				    .owner = &left};
	for (size_t i = 0; i < pool->source_count; i++) {
		want.source = pool->sources[i].id;
		left.source = pool->sources[i].name;
		if (is_counted(of, want.source))
			continue;
		if (scope->level != LEVEL_SOURCE || str_equals(scope->source, left.source))
			past_targets(view, &want);
	}
	int64_t cap =
		limit_most_connections(&pool->past_limits, scope, NULL, left.from_ms, left.to_ms);
	if (cap != LIMIT_NONE && cap < left.sum.connections)
		left.sum.connections = cap;
	return left.sum;
}

static void apply_past(struct worker *w, struct limiter *l, const struct worker_queue *q,
		       int64_t now)
{
	struct past_view view = {w->options.past, w->options.index, w->options.workers};
	struct shared_past of = {w, l, q};
	struct past_extent extent = {.left = left_over,
				     .is_counted = is_counted,
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

static struct limiter *find_limiter(struct worker *w, const struct limit_scope *scope)
{
	struct buf key;
	buf_init(&key, 4096);
	append_key(&key, scope);
	struct str name = buf_str(&key);
	struct map_node *node = map_get(&w->limiters, hash_str(name), has_key, &name);
	buf_done(&key);
	return node ? &CONTAINER_OF(node, struct shared_limiter, node)->limiter : NULL;
}

/* A new one; of a tail site, its lanes are counted already: q, else NULL. */
static struct limiter *make_limiter(struct worker *w, const struct limit_scope *scope,
				    const struct worker_queue *q)
{
	struct shared_limiter *l = xcalloc(1, sizeof(*l));
	int64_t now = loop_now_ms(w->loop);
	buf_init(&l->key, 4096);
	append_key(&l->key, scope);
	struct limit_scope own = own_scope(scope, &l->strings);
	limiter_init(&l->limiter, &own, now);
	if (level_is_of_all(scope->level))
		limiter_divide(&l->limiter, w->shares_until_ms);
	else if (w->options.workers > 1)
		limiter_divide(&l->limiter, LIMIT_FOREVER);
	limiter_bind(&l->limiter, &w->identity->pool->limits, NULL, now);
	apply_past(w, &l->limiter, q, now);
	map_put(&w->limiters, &l->node, hash_str(buf_str(&l->key)));
	return &l->limiter;
}

struct limiter *worker_limiter(struct worker *w, const struct limit_scope *scope)
{
	struct limiter *l = find_limiter(w, scope);
	return l != NULL ? l : make_limiter(w, scope, NULL);
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

/* A campaign's that has none, or of a tail site nobody sends to. */
static bool is_done_with(struct worker *w, struct limiter *l, int64_t now)
{
	if (l->scope.level == LEVEL_CAMPAIGN)
		return limiter_is_blank(l, now);
	bool is_of_tail = l->scope.level != LEVEL_SOURCE && l->scope.level != LEVEL_NODE &&
			  l->scope.provider.len == 0;
	return is_of_tail && !worker_has_queue(w, l->scope.site) && limiter_is_empty(l, now);
}

/* Nobody waits for a limiter that is about to be dropped. */
static void forget_bindings(struct worker *w, int64_t now)
{
	for (struct map_node *n = map_next(&w->limiters, NULL); n; n = map_next(&w->limiters, n)) {
		struct campaign_wait *cw =
			&CONTAINER_OF(n, struct shared_limiter, node)->campaign_wait;
		if (cw->binding != NULL && is_done_with(w, cw->binding, now))
			cw->binding = NULL;
	}
}

void worker_limiters_evict(struct worker *w, int64_t now)
{
	size_t before = w->limiters.count;
	forget_bindings(w, now);
	struct map_node *n = map_next(&w->limiters, NULL);
	while (n != NULL) {
		struct shared_limiter *l = CONTAINER_OF(n, struct shared_limiter, node);
		n = map_next(&w->limiters, n);
		if (is_done_with(w, &l->limiter, now))
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

/* --------------------------------------------------------------------- of a tail site, when ruled
 */

/* What its limiter over all sources, or for a sending domain, was not there to count. */
static void adopt_session(struct limiter *l, struct lane_session *ls)
{
	enum limit_level level = l->scope.level;
	if (level == LEVEL_PROVIDER) {
		ls->path.shared[level] = l;
		limiter_adopt_connection(l, ls->is_greeted, ls->is_leaving);
	}
	for (size_t i = 0; i < ARRAY_LEN(ls->slots); i++) {
		struct lane_slot *slot = &ls->slots[i];
		if (slot->job == NULL || !slot->permit.is_granted ||
		    (level == LEVEL_DOMAIN &&
		     !str_equals_nocase(slot->job->campaign->from_domain, l->scope.domain)))
			continue;
		slot->path.shared[level] = l;
		limiter_adopt_message(l);
	}
}

/* The lane's windows are those of all its campaigns: for one domain they are too full, for a while.
 */
static void adopt_lane(struct limiter *l, struct lane *lane, int64_t now)
{
	struct list *const lists[] = {&lane->opening, &lane->busy, &lane->ending,
				      &lane->queue->idle};
	limiter_merge(l, &lane->limits.limiter, now);
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		LIST_EACH (it, lists[i]) {
			struct lane_session *ls = LIST_ITEM(it, struct lane_session, node);
			if (ls->lane == lane)
				adopt_session(l, ls);
		}
}

static struct limiter *make_site_limiter(struct worker_queue *q, const struct limit_scope *scope)
{
	int64_t now = loop_now_ms(q->worker->loop);
	struct limiter *l = make_limiter(q->worker, scope, q);
	for (size_t i = 0; i < q->source_count; i++)
		if (q->lanes[i] != NULL)
			adopt_lane(l, q->lanes[i], now);
	LIST_EACH (it, &q->retired)
		adopt_lane(l, LIST_ITEM(it, struct lane, retired), now);
	return l;
}

/* Tail sites are many: a limiter over all sources or for a domain there is made when a rule could
 * act on it, and kept while it counts. */
static struct limiter *limiter_if_ruled(struct worker_queue *q, const struct limit_scope *scope)
{
	struct worker *w = q->worker;
	if (scope->provider.len > 0)
		return worker_limiter(w, scope);
	struct limiter *l = find_limiter(w, scope);
	for (size_t i = 0; l == NULL && i < w->identity->pool->limits.count; i++)
		if (limit_rule_matches(&w->identity->pool->limits.rules[i], scope))
			l = make_site_limiter(q, scope);
	return l;
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
	lane->path.shared[LEVEL_PROVIDER] = limiter_if_ruled(q, &provider);
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
	lane->campaign_path.shared[LEVEL_DOMAIN] = limiter_if_ruled(q, &domain);
	lane->campaign_path.shared[LEVEL_CAMPAIGN] = worker_limiter(w, &whole);
	worker_parties_find(q, campaign, &lane->campaign_path);
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
