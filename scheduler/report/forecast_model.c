/* SPDX-License-Identifier: MIT */
/* From rows to the model of a forecast; see forecast_model.h. */
#include "scheduler/report/forecast_model.h"

#include <math.h>
#include <string.h>

#include "ip-pool/pool.h"
#include "scheduler/report/forecast_private.h"

#define TAIL_SITES_MOST 50.0 /* at work at once */
/* What is believed of who is put off before much was seen, and how many tries that counts as. */
#define PRIOR_FIRST 0.02
#define PRIOR_FIRST_TRIES 10.0
#define PRIOR_LATER 0.15
#define PRIOR_LATER_TRIES 5.0
#define MANY_TRIES 200.0
#define UNSEEN 1.0 /* of those tried */
#define UNSEEN_MOST 0.01
#define SHARES_DOUBT_MOST 1.0
#define NINETY 1.64 /* standard deviations to either side that hold 90 % */
#define SERVICE_UNSEEN_MS 800.0
#define DOUBT_MEASURED 0.6
#define DOUBT_UNSEEN 1.5
#define PUT_OFF_LEAST 0.05
#define MANY_PUT_OFF 0.3
#define THROTTLED_MS INT64_C(300000)
#define PROBE_MS INT64_C(1000) /* a connection that was refused is not tried sooner */

/* A model under construction; counts grow in the model. */
struct builder {
	struct forecast_build *b;
	const struct forecast_facts *f;
	struct forecast_queue *queues;
	struct forecast_lane *lanes;
	struct forecast_crowd *crowds;
	struct forecast_campaign *campaigns;
	struct limiter *limiters;
	double *seen_per_s;
	int64_t *sites; /* by limiter */
	size_t limiter_room;
};

/* --------------------------------------------------------------------------------------- queues */

static size_t queue_index(const struct builder *k, struct str name)
{
	size_t i = 0;
	while (i < k->b->model.queue_count && !str_equals(k->b->queue_names[i], name))
		i++;
	return i;
}

static const struct provider *provider_of(const struct builder *k, size_t queue)
{
	return provider_find(k->f->pool->providers, k->b->queue_names[queue]);
}

static const struct forecast_seen *seen_of(const struct builder *k, struct str name)
{
	for (size_t i = 0; i < k->f->seen_count; i++)
		if (str_equals(k->f->seen[i].queue, name))
			return &k->f->seen[i];
	return NULL;
}

static bool is_route(struct str name)
{
	return memchr(name.ptr, ':', name.len) != NULL;
}

/* What was seen at a site of the tail is known of all its sites together. */
static const struct forecast_seen *seen_at(const struct builder *k, size_t queue)
{
	struct str name = k->b->queue_names[queue];
	const struct forecast_seen *own = seen_of(k, name);
	if (own != NULL || provider_of(k, queue) != NULL || is_route(name))
		return own;
	return seen_of(k, STR(FORECAST_TAIL));
}

/* So many sites are at work at once, each with the numbers of one. */
static int64_t sites_of(const struct builder *k, struct str queue)
{
	const struct forecast_seen *seen = seen_of(k, STR(FORECAST_TAIL));
	if (!str_equals(queue, STR(FORECAST_TAIL)) || seen == NULL)
		return 1;
	return (int64_t)fmax(1, fmin(seen->sites, TAIL_SITES_MOST));
}

static struct limit_scope scope_of(const struct builder *k, enum limit_level level, size_t queue)
{
	bool is_provider = provider_of(k, queue) != NULL;
	return (struct limit_scope){.level = level,
				    .provider = is_provider ? k->b->queue_names[queue] : STR(""),
				    .site = k->b->queue_names[queue]};
}

static void make_queues(struct builder *k)
{
	struct forecast_build *b = k->b;
	size_t most = k->f->people_count + 1;
	k->queues = arena_alloc(&b->arena, most * sizeof(k->queues[0]));
	b->queue_names = arena_alloc(&b->arena, most * sizeof(b->queue_names[0]));
	for (size_t i = 0; i < k->f->people_count; i++) {
		struct str name = k->f->people[i].queue;
		if (queue_index(k, name) == b->model.queue_count)
			b->queue_names[b->model.queue_count++] = name;
	}
	b->model.queues = k->queues;
}

/* ------------------------------------------------------------------------------------- limiters */

static void count_usage(const struct builder *k, struct limiter *l)
{
	for (size_t i = 0; i < k->f->usage_count; i++) {
		const struct past_usage *row = &k->f->usage[i];
		int64_t at = row->at_ms < k->f->now_ms ? row->at_ms : k->f->now_ms;
		if (forecast_counts(k->f, &l->scope, row))
			limiter_add_usage(l, at, row->messages, k->f->now_ms);
	}
}

static bool has_caps(const struct caps *caps)
{
	for (int m = 0; m < LIMIT_METER_COUNT; m++)
		if (caps_of_meter(caps, m)->count != LIMIT_NONE)
			return true;
	return false;
}

static bool is_same_scope(const struct limit_scope *a, const struct limit_scope *b)
{
	return a->level == b->level && str_equals(a->site, b->site) &&
	       str_equals(a->source, b->source) && str_equals(a->domain, b->domain) &&
	       str_equals(a->node, b->node) && a->campaign == b->campaign;
}

/* Limits that hold for each of so many sites. */
static void widen(struct limiter *l, int64_t sites)
{
	struct cap *caps[1 + LIMIT_PERIOD_COUNT] = {&l->caps.connections};
	if (sites <= 1)
		return;
	for (int p = 0; p < LIMIT_PERIOD_COUNT; p++)
		caps[1 + p] = &l->caps.messages[p];
	for (size_t i = 0; i < ARRAY_LEN(caps); i++)
		if (caps[i]->count != LIMIT_NONE)
			caps[i]->count *= sites;
	l->caps.next_change_ms = LIMIT_FOREVER;
}

/* The index of the limiter of this scope, or FORECAST_NONE if nothing is limited there. */
static int limiter_of(struct builder *k, const struct limit_scope *scope)
{
	struct forecast_model *m = &k->b->model;
	struct limiter made;
	for (size_t i = 0; i < m->limiter_count; i++)
		if (is_same_scope(&k->limiters[i].scope, scope))
			return (int)i;
	limiter_init(&made, scope, k->f->now_ms);
	limiter_bind(&made, &k->f->pool->limits, NULL, k->f->now_ms);
	if (!has_caps(&made.caps) || m->limiter_count == k->limiter_room)
		return FORECAST_NONE;
	bool is_of_place = scope->level == LEVEL_PROVIDER || scope->level == LEVEL_DOMAIN;
	k->sites[m->limiter_count] = is_of_place ? sites_of(k, scope->site) : 1;
	widen(&made, k->sites[m->limiter_count]);
	count_usage(k, &made);
	k->limiters[m->limiter_count] = made;
	return (int)m->limiter_count++;
}

/* ---------------------------------------------------------------------------------------- lanes */

static void load_lane(struct builder *k, struct forecast_lane *l, const struct source *source)
{
	const struct ip_pool_snapshot *pool = k->f->pool;
	int64_t now = k->f->now_ms;
	const struct warmup_plan *plan = &pool->plans[source - pool->sources];
	const struct warmup_state fresh = {.step = 0};
	struct str target = k->b->queue_names[l->queue];
	const struct lane_record *r = ip_pool_lane(pool, source->id, target);
	int64_t age_ms = r != NULL ? r->age_ms + now - pool->loaded_ms : 0;
	if (r != NULL)
		lane_state_load(&l->limits, &r->state, age_ms, now);
	l->is_warming = plan->count > 0;
	if (!l->is_warming)
		return;
	warmup_state_load(&l->warmup, plan, r ? &r->warmup : &fresh, age_ms, now);
	if (r != NULL)
		warmup_follow(&l->warmup, r->warmup_advanced, r->warmup_held, now);
	l->limits.limiter.day_budget = warmup_budget(&l->warmup);
}

bool forecast_is_refused(const struct forecast_refused *r, const struct limit_scope *lane)
{
	return str_equals(r->source, lane->source) && str_equals(r->queue, lane->site);
}

/* Nobody answers it now: as good as dead, whatever it saved before. */
static void load_refused(const struct builder *k, struct lane_limits *l)
{
	for (size_t i = 0; i < k->f->refused_count; i++) {
		const struct forecast_refused *r = &k->f->refused[i];
		if (!forecast_is_refused(r, &l->limiter.scope))
			continue;
		l->health.dead_since_ms = r->since_ms;
		l->health.probe_at_ms = later_of(r->probes_ms, k->f->now_ms + PROBE_MS);
	}
}

/* What a message that is put off takes of the time of one that is not. */
static double put_off_cost(const struct forecast_seen *s)
{
	if (s == NULL || s->put_off_ms <= 0 || s->service_ms <= 0)
		return 1;
	return fmin(1, fmax(PUT_OFF_LEAST, s->put_off_ms / s->service_ms));
}

/* The same in the mean of all that was tried. */
static double cost_seen(const struct forecast_seen *s)
{
	double tries = s != NULL ? s->tries[0] + s->tries[1] : 0;
	if (tries <= 0)
		return 1;
	double put_off = s->deferred[0] + s->deferred[1] + s->throttled[0] + s->throttled[1];
	return 1 - fmin(1, put_off / tries) * (1 - put_off_cost(s));
}

/* Where so many are put off, how many were tried says little of how many can be taken. */
static bool tells_little(const struct forecast_seen *s)
{
	double put_off = s->deferred[0] + s->deferred[1] + s->throttled[0] + s->throttled[1];
	return put_off > (s->tries[0] + s->tries[1]) * MANY_PUT_OFF;
}

/* What it sent lately, or else what is thought of a message there. */
static void guess_pace(struct builder *k, struct forecast_lane *l)
{
	const struct forecast_seen *seen = seen_at(k, l->queue);
	l->is_measured = seen != NULL && seen->service_ms > 0;
	l->service_ms = l->is_measured ? seen->service_ms : SERVICE_UNSEEN_MS;
	l->doubt = l->is_measured ? DOUBT_MEASURED : DOUBT_UNSEEN;
	struct forecast_pace pace = forecast_pace_of(k->f, &l->limits);
	if (pace.per_s <= 0 || (l->is_measured && tells_little(seen)))
		return;
	l->seen_per_s = pace.per_s * cost_seen(seen);
	l->doubt = pace.doubt;
}

static void make_lane(struct builder *k, size_t queue, const struct source *source)
{
	struct forecast_model *m = &k->b->model;
	struct forecast_lane *l = &k->lanes[m->lane_count++];
	const struct provider *provider = provider_of(k, queue);
	struct limit_scope scope = scope_of(k, LEVEL_LANE, queue);
	struct limit_scope of_source = {.level = LEVEL_SOURCE, .source = source->name};
	struct limit_scope of_node = {.level = LEVEL_NODE, .node = source->node};
	struct limit_scope of_provider = scope_of(k, LEVEL_PROVIDER, queue);
	int64_t now = k->f->now_ms;
	scope.source = source->name;
	*l = (struct forecast_lane){.queue = queue, .source = source->id};
	for (int i = 0; i < LIMIT_LEVEL_COUNT; i++)
		l->shared[i] = FORECAST_NONE;
	l->shared[LEVEL_SOURCE] = limiter_of(k, &of_source);
	l->shared[LEVEL_PROVIDER] = limiter_of(k, &of_provider);
	l->shared[LEVEL_NODE] = limiter_of(k, &of_node);
	lane_limits_init(&l->limits, &scope, provider, now);
	lane_limits_bind(&l->limits, &k->f->pool->limits, provider, now);
	l->sites = sites_of(k, scope.site);
	widen(&l->limits.limiter, l->sites);
	load_lane(k, l, source);
	load_refused(k, &l->limits);
	count_usage(k, &l->limits.limiter);
	const struct pause *pause =
		pause_of_lane(k->f->pool->pauses, k->f->pool->pause_count, &scope, now);
	l->limits.paused_until_ms = pause != NULL ? pause->until_ms : 0;
	guess_pace(k, l);
}

static void make_lanes(struct builder *k)
{
	const struct ip_pool_snapshot *pool = k->f->pool;
	struct forecast_model *m = &k->b->model;
	size_t most = m->queue_count * pool->source_count + 1;
	k->lanes = arena_alloc(&k->b->arena, most * sizeof(k->lanes[0]));
	for (size_t q = 0; q < m->queue_count; q++) {
		k->queues[q].first = m->lane_count;
		for (size_t i = 0; i < pool->source_count; i++)
			if (source_is_usable(&pool->sources[i], STR("")))
				make_lane(k, q, &pool->sources[i]);
		k->queues[q].count = m->lane_count - k->queues[q].first;
	}
	m->lanes = k->lanes;
}

/* --------------------------------------------------------------------------------------- crowds */

/* n of `of` were seen; of few, what is mostly so counts as so many tries more. */
static double believed(double n, double of, double prior, double prior_tries)
{
	if (of >= MANY_TRIES)
		return n / of;
	return (n + prior * prior_tries) / (of + prior_tries);
}

static void guess_shares(const struct builder *k, struct forecast_crowd *c)
{
	static const struct forecast_seen nothing = {.service_ms = 0};
	const struct forecast_seen *s = seen_at(k, c->queue);
	s = s != NULL ? s : &nothing;
	c->first.deferred = believed(s->deferred[0], s->tries[0], PRIOR_FIRST, PRIOR_FIRST_TRIES);
	c->first.throttled = believed(s->throttled[0], s->tries[0], 0, PRIOR_FIRST_TRIES);
	c->later.deferred = believed(s->deferred[1], s->tries[1], PRIOR_LATER, PRIOR_LATER_TRIES);
	c->later.throttled = believed(s->throttled[1], s->tries[1], 0, PRIOR_LATER_TRIES);
	double n = s->tries[0] + PRIOR_FIRST_TRIES;
	double share = c->first.deferred + c->first.throttled;
	double doubt = NINETY * sqrt((1 - fmin(share, 1)) / (fmax(share, 0.001) * n) + 0.01);
	c->doubt = fmin(doubt, SHARES_DOUBT_MOST);
	c->unseen = fmin(UNSEEN / (s->tries[0] + s->tries[1] + 1), UNSEEN_MOST);
	c->put_off_cost = put_off_cost(s);
	c->throttled_ms = s->throttled_ms > 0 ? s->throttled_ms : THROTTLED_MS;
}

/* When each lane of the queue may be used by the campaign, if ever. */
static const int64_t *lanes_of(struct builder *k, const struct forecast_crowd *c)
{
	const struct forecast_job *job = &k->f->jobs[c->campaign];
	const struct ip_pool_snapshot *pool = k->f->pool;
	const struct forecast_queue *q = &k->queues[c->queue];
	struct str wanted = job->pool.len > 0 ? job->pool : STR(POOL_DEFAULT);
	int64_t *from = arena_alloc(&k->b->arena, (q->count + 1) * sizeof(from[0]));
	for (size_t i = 0; i < q->count; i++) {
		const struct forecast_lane *l = &k->lanes[q->first + i];
		const struct source *source = ip_pool_source_by_id(pool, l->source);
		const struct pause *pause =
			pause_of_campaign(pool->pauses, pool->pause_count, job->campaign,
					  &l->limits.limiter.scope, k->f->now_ms);
		from[i] = pause == NULL			     ? 0
			  : pause->until_ms == LIMIT_FOREVER ? FORECAST_PAUSED
							     : pause->until_ms;
		if (!str_equals(source->pool, wanted))
			from[i] = FORECAST_NEVER;
	}
	return from;
}

static struct forecast_crowd *crowd_of(struct builder *k, const struct forecast_people *row)
{
	struct forecast_model *m = &k->b->model;
	size_t queue = queue_index(k, row->queue);
	for (size_t i = 0; i < m->crowd_count; i++)
		if (k->crowds[i].campaign == row->job && k->crowds[i].queue == queue)
			return &k->crowds[i];
	struct forecast_crowd *c = &k->crowds[m->crowd_count++];
	struct limit_scope domain = scope_of(k, LEVEL_DOMAIN, queue);
	domain.domain = k->f->jobs[row->job].domain;
	*c = (struct forecast_crowd){.campaign = row->job, .queue = queue};
	c->domain = limiter_of(k, &domain);
	c->lanes_from_ms = lanes_of(k, c);
	guess_shares(k, c);
	return c;
}

static bool is_of(const struct builder *k, const struct forecast_crowd *c,
		  const struct forecast_people *row)
{
	return row->job == c->campaign && str_equals(row->queue, k->b->queue_names[c->queue]);
}

/* Fresh people, and those who wait for another try. */
static void add_people(struct builder *k, struct forecast_crowd *c)
{
	size_t count = 0;
	for (size_t i = 0; i < k->f->people_count; i++)
		count += is_of(k, c, &k->f->people[i]);
	struct forecast_retry *retries = arena_alloc(&k->b->arena, count * sizeof(retries[0]));
	for (size_t i = 0; i < k->f->people_count; i++) {
		const struct forecast_people *row = &k->f->people[i];
		if (!is_of(k, c, row))
			continue;
		if (row->attempts == 0 && row->due_ms <= k->f->now_ms)
			c->fresh += row->people;
		else
			retries[c->retry_count++] =
				(struct forecast_retry){row->due_ms, row->attempts, row->people};
	}
	c->retries = retries;
}

static void make_crowds(struct builder *k)
{
	struct forecast_model *m = &k->b->model;
	k->crowds = arena_alloc(&k->b->arena, (k->f->people_count + 1) * sizeof(k->crowds[0]));
	for (size_t i = 0; i < k->f->people_count; i++)
		(void)crowd_of(k, &k->f->people[i]);
	for (size_t i = 0; i < m->crowd_count; i++)
		add_people(k, &k->crowds[i]);
	m->crowds = k->crowds;
}

static void make_campaigns(struct builder *k)
{
	struct forecast_model *m = &k->b->model;
	m->campaign_count = k->f->job_count;
	k->campaigns = arena_alloc(&k->b->arena, (m->campaign_count + 1) * sizeof(k->campaigns[0]));
	for (size_t i = 0; i < k->f->job_count; i++) {
		const struct forecast_job *job = &k->f->jobs[i];
		struct limit_scope scope = {.level = LEVEL_CAMPAIGN, .campaign = job->campaign};
		k->campaigns[i] = (struct forecast_campaign){
			.priority = job->priority,
			.starts_ms = job->starts_ms,
			.deadline_ms = job->deadline_ms,
			.give_up_ms = job->give_up_ms,
			.hours = {job->hours.has_own ? &job->hours.own : NULL,
				  job->hours.has_common ? &job->hours.common : NULL},
			.limiter = limiter_of(k, &scope),
			.people = job->people};
	}
	m->campaigns = k->campaigns;
}

void forecast_build(struct forecast_build *b, const struct forecast_facts *facts)
{
	struct builder k = {.b = b, .f = facts};
	struct forecast_model *m = &b->model;
	*b = (struct forecast_build){.model = {.now_ms = facts->now_ms, .now_us = facts->now_us}};
	arena_init(&b->arena, 65536);
	make_queues(&k);
	k.limiter_room = 2 * facts->pool->source_count + m->queue_count +
			 facts->job_count * (1 + m->queue_count);
	k.limiters = arena_alloc(&b->arena, (k.limiter_room + 1) * sizeof(k.limiters[0]));
	k.sites = arena_alloc(&b->arena, (k.limiter_room + 1) * sizeof(k.sites[0]));
	make_lanes(&k);
	make_campaigns(&k);
	make_crowds(&k);
	k.seen_per_s = arena_alloc(&b->arena, (m->limiter_count + 1) * sizeof(k.seen_per_s[0]));
	for (size_t i = 0; i < m->limiter_count; i++)
		k.seen_per_s[i] = forecast_busy_per_s(facts, &k.limiters[i]);
	m->limiters = k.limiters;
	m->seen_per_s = k.seen_per_s;
	m->sites = k.sites;
	m->delay_count = facts->delay_count < FORECAST_TRIES ? facts->delay_count : FORECAST_TRIES;
	for (size_t i = 0; i < m->delay_count; i++)
		m->delays_ms[i] = (int64_t)facts->delays_s[i] * 1000;
}

void forecast_build_done(struct forecast_build *b)
{
	arena_done(&b->arena);
}
