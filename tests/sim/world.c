/* SPDX-License-Identifier: MIT */
/* A world and the life of its process; see world.h. */
#include "tests/sim/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"
#include "scheduler/node/site.h"
#include "tests/sim/virtual.h"
#include "tests/sim/world_private.h"

#define BEGIN_MS INT64_C(86400000) /* a receiver's midnight */
#define RTT_MS 40
#define GRACE_MS 30000
/* A node that was killed counts as alive until its lease ends. */
#define LEASE_MS 10000

static const int32_t retry_delays_s[] = {300, 900, 1800, 3600, 7200, 14400, 28800};

static void set_settings(struct worker_settings *s)
{
	*s = (struct worker_settings){
		.timeouts = smtp_timeouts_default,
		.idle_ms = 10000,
		.grace_ms = GRACE_MS,
		.park_ms = 20000,
		.flush_ms = 200,
		.compose_budget = 16 << 20,
		.max_sessions = 4000,
		.settle.schedule.count = ARRAY_LEN(retry_delays_s),
		.settle.unknown_retry_after_ms = 900000,
		.settle.node = 1,
	};
	memcpy(s->settle.schedule.delays_s, retry_delays_s, sizeof(retry_delays_s));
}

void world_open(struct world *w, uint64_t seed)
{
	struct err err = {0};
	*w = (struct world){.seed = seed};
	log_set_level(LOG_ERROR);
	w->loop = virtual_open(BEGIN_MS, seed);
	w->composers = composers_open(1, NULL);
	w->inbox = mailbox_open(w->loop, world_on_letter, w);
	list_init(&w->credits);
	set_settings(&w->settings);
	atomic_store(&w->shared.lease_until_ms, INT64_MAX);
	w->rules = rule_set_load(STR(""), &err);
	must(w->rules != NULL);
	virtual_receivers(w->receivers, 0);
}

int64_t world_pick(struct world *w, int64_t low, int64_t high)
{
	(void)w;
	return low + (int64_t)(virtual_random() % (uint64_t)(high - low + 1));
}

int64_t world_now(const struct world *w)
{
	return loop_now_ms(w->loop);
}

/* ----------------------------------------------------------------------------------- what there is
 */

uint32_t world_source(struct world *w, const struct warmup_plan *plan)
{
	size_t i = w->source_count++;
	must(i < WORLD_SOURCES);
	snprintf(w->names[i], sizeof(w->names[i]), "mx%zu", i + 1);
	snprintf(w->addresses[i], sizeof(w->addresses[i]), "127.0.0.%zu", i + 1);
	w->sources[i] = (struct source){.id = (uint32_t)i + 1,
					.name = str_from(w->names[i]),
					.address = str_from(w->addresses[i]),
					.ehlo = STR("mx.news.example"),
					.public_address = str_from(w->addresses[i]),
					.pool = STR("default"),
					.weight = 1,
					.state = SOURCE_ACTIVE};
	w->plans[i] = plan != NULL ? *plan : (struct warmup_plan){.count = 0};
	return (uint32_t)i + 1;
}

/* Hosts at 10.NUMBER.0.1, 10.NUMBER.1.1 … */
static struct mx_answer *answer_of(size_t number, int hosts)
{
	struct ip addresses[MX_HOSTS_MAX];
	struct mx_host all[MX_HOSTS_MAX];
	char names[MX_HOSTS_MAX][32];
	for (int i = 0; i < hosts; i++) {
		snprintf(names[i], sizeof(names[i]), "h%d.example", i);
		addresses[i] =
			(struct ip){.family = IP_V4, .bytes = {10, (uint8_t)number, (uint8_t)i, 1}};
		all[i] = (struct mx_host){.name = str_from(names[i]),
					  .preference = 10,
					  .address_count = 1,
					  .addresses = &addresses[i]};
	}
	struct mx_answer whole = {.result = MX_OK, .hosts = all, .host_count = (size_t)hosts};
	return mx_answer_part(&whole, UINT32_MAX, STR("site"));
}

struct receiver *world_receiver(struct world *w, const char *name, int hosts, int64_t service_ms)
{
	static const struct site_access access = {.port = 25, .tls = TLS_NONE};
	struct provider_table *providers;
	struct err err = {0};
	size_t i = w->receiver_count++;
	must(i < WORLD_RECEIVERS);
	int status = provider_table_builtin(NULL, 0, &providers, &err);
	must(status == 0);
	bool is_provider = provider_find(providers, str_from(name)) != NULL;
	provider_table_free(providers);
	w->receivers[i] = xcalloc(1, sizeof(struct receiver));
	receiver_init(w->receivers[i], RTT_MS, service_ms);
	w->receivers[i]->hosts = hosts;
	w->answers[i] = answer_of(i, hosts);
	w->sites[i] = site_new(str_from(name), str_from(name),
			       is_provider ? str_from(name) : STR(""), &access);
	virtual_receivers(w->receivers, w->receiver_count);
	return w->receivers[i];
}

static struct campaign_snapshot *campaign_new(int number)
{
	static const char *const names[WORLD_CAMPAIGNS] = {"first", "second", "third",	 "fourth",
							   "fifth", "sixth",  "seventh", "eighth"};
	/* Two campaigns a domain. */
	static const char *const domains[WORLD_CAMPAIGNS / 2] = {"a.example", "b.example",
								 "c.example", "d.example"};
	struct campaign_snapshot *s = campaign_snapshot_new();
	s->id = number + 1;
	s->version = 1;
	s->name = str_from(names[number]);
	s->from_address = STR("news@example");
	s->from_domain = str_from(domains[number / 2]);
	s->sending_domain = number / 2 + 1;
	s->unknown = UNKNOWN_HOLD;
	s->give_up_after_ms = 2 * DAY;
	return s;
}

struct crowd *world_crowd(struct world *w, int campaign, const struct receiver *r, int64_t people)
{
	size_t receiver = 0;
	while (w->receivers[receiver] != r)
		must(++receiver < w->receiver_count);
	if (w->campaigns[campaign] == NULL)
		w->campaigns[campaign] = campaign_new(campaign);
	for (size_t i = 0; i < w->crowd_count; i++)
		if (w->crowds[i].campaign == campaign && w->crowds[i].receiver == (int)receiver) {
			w->crowds[i].unborn += people;
			return &w->crowds[i];
		}
	must(w->crowd_count < WORLD_CROWDS);
	struct crowd *c = &w->crowds[w->crowd_count++];
	*c = (struct crowd){
		.world = w, .campaign = campaign, .receiver = (int)receiver, .unborn = people};
	list_init(&c->waiting);
	heap_init(&c->retries);
	return c;
}

/* ------------------------------------------------------------------------------------- identity */

static int compare_lanes(const void *a, const void *b)
{
	const struct lane_record *x = a;
	const struct lane_record *y = b;
	if (x->source != y->source)
		return x->source < y->source ? -1 : 1;
	return str_compare(x->target, y->target);
}

static int compare_parties(const void *a, const void *b)
{
	const struct party_record *x = a;
	const struct party_record *y = b;
	return str_compare(x->target, y->target);
}

static void add_lanes(const struct world *w, struct ip_pool_snapshot *pool)
{
	pool->lanes = arena_alloc(&pool->arena, (w->lane_count + 1) * sizeof(pool->lanes[0]));
	pool->lane_count = w->lane_count;
	for (size_t i = 0; i < w->lane_count; i++) {
		const struct world_lane *l = &w->lanes[i];
		pool->lanes[i] = (struct lane_record){
			.source = l->saved.source,
			.target = arena_str(&pool->arena, str_from(l->saved.target)),
			.state = l->saved.state,
			.warmup = l->saved.warmup,
			.age_ms = world_now(w) - l->saved_ms,
		};
	}
	if (w->lane_count > 0)
		qsort(pool->lanes, w->lane_count, sizeof(pool->lanes[0]), compare_lanes);
}

static void add_parties(const struct world *w, struct ip_pool_snapshot *pool)
{
	pool->parties = arena_alloc(&pool->arena, (w->party_count + 1) * sizeof(pool->parties[0]));
	pool->party_count = w->party_count;
	for (size_t i = 0; i < w->party_count; i++) {
		const struct party_saved *p = &w->parties[i];
		pool->parties[i] = (struct party_record){
			.node = STR("n1"),
			.target = arena_str(&pool->arena, str_from(p->target)),
			.domain = arena_str(&pool->arena, str_from(p->domain)),
			.campaign = p->campaign,
			.state = p->state,
			.age_ms = world_now(w) - w->parties_saved_ms,
		};
	}
	if (w->party_count > 0)
		qsort(pool->parties, w->party_count, sizeof(pool->parties[0]), compare_parties);
}

static struct identity *identity_of(const struct world *w)
{
	struct err err = {0};
	struct identity *identity = xcalloc(1, sizeof(*identity));
	struct ip_pool_snapshot *pool = xcalloc(1, sizeof(*pool));
	atomic_init(&identity->refs, 1);
	atomic_init(&pool->refs, 1);
	arena_init(&pool->arena, 0);
	pool->loaded_ms = world_now(w);
	pool->source_count = w->source_count;
	pool->sources = arena_alloc(&pool->arena, sizeof(w->sources));
	memcpy(pool->sources, w->sources, sizeof(w->sources));
	pool->plans = arena_alloc(&pool->arena, sizeof(w->plans));
	memcpy(pool->plans, w->plans, sizeof(w->plans));
	struct limit_rule *rules = arena_alloc(&pool->arena, sizeof(w->limits));
	memcpy(rules, w->limits, sizeof(w->limits));
	pool->limits = (struct limit_rules){rules, w->limit_count};
	struct limit_past *past = arena_alloc(&pool->arena, sizeof(w->past_limits));
	memcpy(past, w->past_limits, sizeof(w->past_limits));
	pool->past_limits = (struct limit_history){.items = past, .count = w->past_limit_count};
	int status = provider_table_builtin(NULL, 0, &pool->providers, &err);
	must(status == 0);
	pool->pauses = arena_alloc(&pool->arena, sizeof(w->pauses));
	memcpy(pool->pauses, w->pauses, sizeof(w->pauses));
	pool->pause_count = w->pause_count;
	add_lanes(w, pool);
	add_parties(w, pool);
	identity->node = STR("n1");
	identity->pool = pool;
	identity->rules = rule_set_ref(w->rules);
	return identity;
}

struct identity *world_identity(const struct world *w)
{
	return identity_of(w);
}

/* -------------------------------------------------------------------------------------- process */

static void begin(struct world *w)
{
	struct err err = {0};
	struct worker_options options = {
		.control = w->inbox,
		.composers = w->composers,
		.shared = &w->shared,
		.workers = 1,
		.incarnation = 1,
		.settings = w->settings,
		.past = w->past,
		.identity = w->identity,
	};
	w->worker = worker_open(&options, &err);
	must(w->worker != NULL);
	work_posts_init(&w->posts, worker_inbox(w->worker));
	virtual_await(w->loop);
	world_ledger_start(w);
}

void world_start(struct world *w)
{
	w->identity = identity_of(w);
	begin(w);
}

void world_run(struct world *w, int64_t ms)
{
	bool goes_on = virtual_run(w->loop, world_now(w) + ms);
	must(goes_on);
}

void world_sleep(struct world *w, int64_t ms)
{
	virtual_sleep(w->loop, ms);
}

static bool is_idle(const struct world *w)
{
	for (size_t i = 0; i < w->crowd_count; i++)
		if (crowd_left(&w->crowds[i]) > 0)
			return false;
	return true;
}

void world_run_idle(struct world *w, int64_t ms)
{
	int64_t end = world_now(w) + ms;
	do
		world_run(w, MINUTE);
	while (!is_idle(w) && world_now(w) + MINUTE < end);
	if (world_now(w) < end)
		virtual_sleep(w->loop, end - world_now(w));
}

static void send_reload(struct world *w)
{
	struct work_reload *reload = xcalloc(1, sizeof(*reload));
	*reload = (struct work_reload){.number = ++w->reloads,
				       .identity = identity_hold(w->identity),
				       .settings = w->settings};
	struct work_reload *before = work_post(&w->posts, LETTER_RELOAD, reload);
	if (before != NULL)
		identity_drop(before->identity);
	free(before);
}

void world_reload(struct world *w)
{
	identity_drop(w->identity);
	w->identity = identity_of(w);
	send_reload(w);
}

static bool states_the_same(const int64_t *a, const int64_t *b, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if ((a[i] == LIMIT_NONE) != (b[i] == LIMIT_NONE))
			return false;
	return true;
}

static bool is_like(const struct limit_rule *a, const struct limit_rule *b)
{
	const struct limit_values *x = &a->values;
	const struct limit_values *y = &b->values;
	return str_equals(a->provider, b->provider) && str_equals(a->source, b->source) &&
	       str_equals(a->domain, b->domain) && a->campaign == b->campaign &&
	       a->is_total == b->is_total && states_the_same(&x->connections, &y->connections, 1) &&
	       states_the_same(&x->messages_per_connection, &y->messages_per_connection, 1) &&
	       states_the_same(x->new_connections, y->new_connections, LIMIT_PERIOD_COUNT) &&
	       states_the_same(x->messages, y->messages, LIMIT_PERIOD_COUNT);
}

static void keep_past(struct world *w, const struct limit_rule *rule)
{
	const struct limit_values *v = &rule->values;
	if (v->connections == LIMIT_NONE && v->new_connections[LIMIT_HOUR] == LIMIT_NONE &&
	    v->new_connections[LIMIT_DAY] == LIMIT_NONE)
		return;
	must(w->past_limit_count < WORLD_PAST);
	w->past_limits[w->past_limit_count++] = (struct limit_past){*rule, world_now(w)};
}

static void end_past(struct world *w, int64_t id)
{
	for (size_t i = 0; i < w->past_limit_count; i++)
		if (w->past_limits[i].rule.id == id &&
		    w->past_limits[i].rule.until_ms > world_now(w))
			w->past_limits[i].rule.until_ms = world_now(w);
}

static void remove_rules(struct world *w, const struct limit_rule *rule, bool lasting, bool ending)
{
	size_t kept = 0;
	for (size_t i = 0; i < w->limit_count; i++) {
		bool is_lasting = w->limits[i].until_ms == LIMIT_FOREVER;
		bool is_meant = is_lasting ? lasting : ending;
		if (!is_meant || !is_like(&w->limits[i], rule))
			w->limits[kept++] = w->limits[i];
		else
			end_past(w, w->limits[i].id);
	}
	w->limit_count = kept;
}

void world_limit(struct world *w, const struct limit_rule *rule)
{
	bool is_lasting = rule->until_ms == LIMIT_FOREVER;
	remove_rules(w, rule, is_lasting, !is_lasting);
	must(w->limit_count < WORLD_RULES);
	w->limits[w->limit_count] = *rule;
	w->limits[w->limit_count].id = ++w->limit_id;
	keep_past(w, &w->limits[w->limit_count++]);
	world_reload(w);
}

void world_pause(struct world *w, const struct pause *pause)
{
	size_t kept = 0;
	for (size_t i = 0; i < w->pause_count; i++)
		if (w->pauses[i].until_ms > world_now(w))
			w->pauses[kept++] = w->pauses[i];
	w->pause_count = kept;
	if (kept < WORLD_PAUSES) {
		w->pauses[w->pause_count] = *pause;
		w->pauses[w->pause_count].since_us = world_now(w) * 1000;
		w->pauses[w->pause_count++].id = ++w->pause_id;
	}
	world_reload(w);
}

void world_connections(struct world *w, const char *provider, int64_t connections)
{
	struct limit_rule rule = {.provider = str_from(provider), .until_ms = LIMIT_FOREVER};
	limit_values_init(&rule.values);
	rule.values.connections = connections;
	world_limit(w, &rule);
}

void world_unset(struct world *w, const struct limit_rule *rule)
{
	remove_rules(w, rule, true, true);
	world_reload(w);
}

/* The worker ends what it has; killed, within the very moment, and nobody hears what it says. */
static void end(struct world *w, bool is_clean)
{
	w->is_ending = true;
	w->is_dying = !is_clean;
	timer_clear(w->loop, &w->plan_timer);
	if (!is_clean) {
		w->settings.grace_ms = 0;
		send_reload(w);
	}
	w->drain_letter = (struct letter){.kind = LETTER_DRAIN};
	work_letter_send(worker_inbox(w->worker), &w->drain_letter, LETTER_DRAIN, NULL);
	while (virtual_run(w->loop, world_now(w) + MINUTE))
		continue;
	worker_close(w->worker);
	w->worker = NULL;
	world_ledger_stop(w);
	w->settings.grace_ms = GRACE_MS;
}

void world_restart(struct world *w, bool is_clean, int64_t down_ms)
{
	int64_t ended_ms = world_now(w);
	end(w, is_clean);
	virtual_sleep(w->loop, down_ms);
	int64_t alive_ms = ended_ms + LEASE_MS;
	if (alive_ms > world_now(w))
		alive_ms = world_now(w);
	must(is_clean || w->stop_count < WORLD_STOPS);
	if (!is_clean)
		w->stops[w->stop_count++] = (struct past_stop){.count = 1,
							       .first_alive_ms = alive_ms,
							       .last_alive_ms = alive_ms,
							       .begun_ms = world_now(w)};
	past_free(w->past);
	w->past = past_new(w->stops, w->stop_count, w->usage, w->usage_count);
	identity_drop(w->identity);
	w->identity = identity_of(w);
	begin(w);
}

void world_close(struct world *w)
{
	end(w, true);
	virtual_net_end();
	for (size_t i = 0; i < w->crowd_count; i++)
		crowd_done(&w->crowds[i]);
	for (size_t i = 0; i < w->receiver_count; i++) {
		site_drop(w->sites[i]);
		mx_answer_drop(w->answers[i]);
		receiver_done(w->receivers[i]);
		free(w->receivers[i]);
	}
	for (size_t i = 0; i < WORLD_CAMPAIGNS; i++)
		campaign_snapshot_unref(w->campaigns[i]);
	identity_drop(w->identity);
	rule_set_free(w->rules);
	mailbox_close(w->inbox);
	composers_close(w->composers);
	past_free(w->past);
	free(w->usage);
	virtual_close(w->loop);
}
