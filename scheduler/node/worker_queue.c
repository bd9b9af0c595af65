/* SPDX-License-Identifier: MIT */
/*
 * One provider's queue on its worker: which session takes which job, when a connection is opened,
 * what the queue waits for. See worker_private.h.
 */
#include <stdlib.h>

#include "engine/base/hash.h"
#include "scheduler/node/worker_private.h"

/* Connections opened in one pump, and how long to leave it after all lanes said no. */
#define OPEN_BURST 16
/* Messages that make one more connection worth its price: a connection costs the receiver and us
 * more than a message does, and ten messages go over one in the time a second one takes to open. */
#define MESSAGES_WORTH 8u
#define OPEN_PAUSE_MS 20
/* Who was parked is packed and claimed again within this. */
#define BACK_MS 30000
/* Messages a second that are none: halves never end. */
#define RATE_GONE 0.01

static bool has_name(const struct map_node *node, const void *key)
{
	const struct worker_queue *q = CONTAINER_OF(node, struct worker_queue, by_name);
	return str_equals(q->name, *(const struct str *)key);
}

static void on_wake(struct timer *timer)
{
	worker_touch(timer->owner);
}

bool worker_has_queue(struct worker *w, struct str name)
{
	return map_get(&w->queues, hash_str(name), has_name, &name) != NULL;
}

struct worker_queue *worker_queue_of(struct worker *w, const struct site *site)
{
	uint64_t hash = hash_str(site->queue);
	struct map_node *node = map_get(&w->queues, hash, has_name, &site->queue);
	if (node != NULL)
		return CONTAINER_OF(node, struct worker_queue, by_name);
	struct worker_queue *q = xcalloc(1, sizeof(*q));
	q->worker = w;
	q->name = str_of(xstrndup(site->queue.ptr, site->queue.len), site->queue.len);
	q->provider = str_of(xstrndup(site->provider.ptr, site->provider.len), site->provider.len);
	provider_queue_init(&q->jobs);
	list_init(&q->dirty);
	list_init(&q->waits_room);
	list_init(&q->waits_seat);
	list_init(&q->waits_bytes);
	list_init(&q->idle);
	list_init(&q->retired);
	list_init(&q->dead_sites);
	list_init(&q->parties);
	q->wake = (struct timer){.on_due = on_wake, .owner = q};
	map_put(&w->queues, &q->by_name, hash);
	worker_queue_bind(q);
	return q;
}

void worker_queue_forget_dead(struct site *site)
{
	list_remove(&site->dead);
	site_drop(site);
}

void worker_queue_parked(struct worker_queue *q, struct site *site, int64_t until_ms)
{
	site_hold(site);
	site_drop(q->parked_of);
	q->parked_of = site;
	q->parked_until_ms = until_ms;
}

const struct site *worker_queue_parked_of(const struct worker_queue *q, int64_t now)
{
	bool is_over = now >= q->parked_until_ms + BACK_MS || provider_queue_total(&q->jobs) > 0;
	return q->parked_of == NULL || is_over || !site_is_dead(q->parked_of) ? NULL : q->parked_of;
}

void worker_queue_free(struct worker_queue *q)
{
	for (size_t i = 0; i < q->source_count; i++)
		lane_free(q->lanes[i]);
	LIST_EACH (it, &q->retired)
		lane_free(LIST_ITEM(it, struct lane, retired));
	timer_clear(q->worker->loop, &q->wake);
	list_remove(&q->dirty);
	list_remove(&q->waits_room);
	list_remove(&q->waits_seat);
	list_remove(&q->waits_bytes);
	map_remove(&q->worker->queues, &q->by_name);
	provider_queue_done(&q->jobs);
	LIST_EACH (it, &q->dead_sites)
		worker_queue_forget_dead(LIST_ITEM(it, struct site, dead));
	site_drop(q->parked_of);
	worker_parties_free(q);
	free(q->sources);
	free(q->lanes);
	free(q->candidates);
	free((void *)(uintptr_t)q->name.ptr);
	free((void *)(uintptr_t)q->provider.ptr);
	free(q);
}

/* ------------------------------------------------------------------------------------- sources */

static struct lane *lane_of_source(struct lane **lanes, size_t count, uint32_t id)
{
	for (size_t i = 0; i < count; i++) {
		struct lane *lane = lanes[i];
		if (lane == NULL || lane->source->id != id)
			continue;
		lanes[i] = NULL;
		return lane;
	}
	return NULL;
}

static struct lane *lane_of_retired(struct worker_queue *q, uint32_t id)
{
	LIST_EACH (it, &q->retired) {
		struct lane *lane = LIST_ITEM(it, struct lane, retired);
		if (lane->source->id != id)
			continue;
		list_remove(it);
		return lane;
	}
	return NULL;
}

static void retire(struct worker_queue *q, struct lane *lane)
{
	list_push_back(&q->retired, &lane->retired);
	lane_bind(lane, NULL);
	LIST_EACH (it, &q->idle) {
		struct lane_session *ls = LIST_ITEM(it, struct lane_session, node);
		if (ls->lane == lane)
			lane_session_quit(ls);
	}
}

void worker_queue_bind(struct worker_queue *q)
{
	const struct identity *identity = q->worker->identity;
	struct lane **old = q->lanes;
	size_t old_count = q->source_count;
	free(q->sources);
	free(q->candidates);
	q->sources = xcalloc(identity->pool->source_count, sizeof(q->sources[0]));
	q->lanes = xcalloc(identity->pool->source_count, sizeof(struct lane *));
	q->candidates = xcalloc(identity->pool->source_count, sizeof(q->candidates[0]));
	q->source_count = 0;
	for (size_t i = 0; i < identity->pool->source_count; i++) {
		const struct source *source = &identity->pool->sources[i];
		if (!source_is_usable(source, identity->node))
			continue;
		size_t at = q->source_count++;
		q->sources[at] = source;
		q->candidates[at] =
			(struct choose_candidate){.source = source->id, .weight = source->weight};
		q->lanes[at] = lane_of_source(old, old_count, source->id);
		if (q->lanes[at] == NULL)
			q->lanes[at] = lane_of_retired(q, source->id);
		if (q->lanes[at] != NULL)
			lane_bind(q->lanes[at], source);
	}
	LIST_EACH (it, &q->retired)
		lane_bind(LIST_ITEM(it, struct lane, retired), NULL);
	for (size_t i = 0; i < old_count; i++)
		if (old[i] != NULL)
			retire(q, old[i]);
	free(old);
	worker_parties_bind(q);
	q->open_after_ms = 0;
	worker_queue_unprefer(q);
	worker_queue_shed(q);
	worker_touch(q);
}

static struct lane *lane_at(struct worker_queue *q, size_t i)
{
	if (q->lanes[i] == NULL)
		q->lanes[i] = lane_new(q, q->sources[i]);
	return q->lanes[i];
}

/* ------------------------------------------------------------------------------ what is waited for
 */

void worker_queue_wake(struct worker_queue *q, int64_t at)
{
	if (at == LIMITER_ON_EVENT)
		return;
	int64_t now = loop_now_ms(q->worker->loop);
	if (at <= now)
		at = now + 1;
	if (!timer_is_set(&q->wake) || q->wake.node.key > at)
		timer_set(q->worker->loop, &q->wake, at);
}

/* ---------------------------------------------------------------------------- preferred sources */

/* Is the source worth waiting for: usable, neither paused nor resting nor dead, and to go before
 * people are parked? Then at_out says when it goes. */
static bool is_worth_waiting(struct worker_queue *q, uint32_t source, int64_t now, int64_t *at_out)
{
	size_t i = 0;
	while (i < q->source_count && q->sources[i]->id != source)
		i++;
	if (i == q->source_count)
		return false;
	struct lane *lane = lane_at(q, i);
	const struct lane_limits *l = &lane->limits;
	if (l->paused_until_ms > now || l->health.rests_until_ms > now ||
	    health_is_dead(&l->health))
		return false;
	struct permit_path path = worker_path(lane, NULL);
	struct limiter_wait wait;
	int64_t at = lane_message_ready_at(&path, now, &wait);
	if (at == LIMITER_ON_EVENT && lane->sessions > 0)
		at = now;
	*at_out = at;
	return at != LIMITER_ON_EVENT && at <= now + q->worker->options.settings.park_ms;
}

static bool prefers_in_vain(const struct job *plan, void *context)
{
	struct worker_queue *q = context;
	int64_t now = loop_now_ms(q->worker->loop);
	int64_t at;
	return now >= plan->prefer_until_ms ||
	       !is_worth_waiting(q, plan->preferred_source, now, &at);
}

bool worker_queue_goes_by(struct worker_queue *q, const struct job *plan, int64_t until_ms)
{
	int64_t now = loop_now_ms(q->worker->loop);
	int64_t at;
	return now >= plan->prefer_until_ms ||
	       !is_worth_waiting(q, plan->preferred_source, now, &at) || at <= until_ms;
}

void worker_queue_unprefer(struct worker_queue *q)
{
	provider_queue_unprefer(&q->jobs, prefers_in_vain, q);
}

void worker_queue_ready(struct worker_queue *q, struct job *plan)
{
	bool keeps = plan->preferred_source != 0 && !prefers_in_vain(plan, q);
	provider_queue_ready(&q->jobs, plan, keeps);
}

/* -------------------------------------------------------------------------------------- taking
 * jobs */

struct str worker_pool_of(const struct campaign_snapshot *campaign)
{
	return campaign->pool.len ? campaign->pool : STR(POOL_DEFAULT);
}

static bool is_in_pool(const struct campaign_snapshot *campaign, const struct source *source)
{
	return str_equals(worker_pool_of(campaign), source->pool);
}

/* May the job's campaign use this lane now? */
static bool lane_allows(const struct job *plan, void *context)
{
	struct lane *lane = context;
	struct worker *w = lane->queue->worker;
	const struct work_job *job = CONTAINER_OF(plan, struct work_job, plan);
	const struct campaign_snapshot *campaign = job->campaign;
	int64_t now = loop_now_ms(w->loop);
	if (!is_in_pool(campaign, lane->source))
		return false;
	if (pause_of_campaign(w->identity->pool->pauses, w->identity->pool->pause_count,
			      campaign->id, &lane->limits.limiter.scope, now) != NULL)
		return false;
	struct permit_path path = worker_path(lane, campaign);
	struct limiter_wait wait;
	int64_t at = lane_message_ready_at(&path, now, &wait);
	if (at <= now)
		return true;
	if (worker_is_party_wait(&path, &wait)) {
		worker_note_party_wait(&path, &wait, now);
	} else {
		worker_note_short(w, &path, &wait);
		worker_note_campaign_wait(w, &path, &wait);
	}
	/* A message of the campaign may end in another queue. */
	if (wait.kind == LIMIT_CONNECTIONS)
		worker_wait_for_room(lane->queue);
	worker_queue_wake(lane->queue, at);
	return false;
}

/* Could it be connected to now? */
static bool lane_reaches(const struct site *site, void *context)
{
	struct lane *lane = context;
	int64_t now = loop_now_ms(lane->queue->worker->loop);
	int64_t at = site_opens_at(site, now);
	if (at <= now)
		return true;
	worker_queue_wake(lane->queue, at);
	return false;
}

static struct pick pick_for(struct lane *lane, const struct site *site)
{
	return (struct pick){.site = site,
			     .source = lane->source->id,
			     .allows = lane_allows,
			     .reaches = lane_reaches,
			     .context = lane};
}

/* Could the lane send a message now, whoever's? Notes what it waits for. */
static bool lane_is_open(struct lane *lane, int64_t now)
{
	struct permit_path path = worker_path(lane, NULL);
	int64_t at = lane_message_ready_at(&path, now, &lane->wait);
	lane->wait_until_ms = at;
	if (at <= now)
		return true;
	worker_queue_wake(lane->queue, at);
	return false;
}

/* Lanes that wait themselves for long are no way to go; those that do not for long may be one. */
#define LANE_WAIT_MS 50

bool worker_queue_campaign_goes(const struct job *plan, void *context)
{
	struct worker_queue *q = context;
	const struct work_job *job = CONTAINER_OF(plan, struct work_job, plan);
	int64_t now = loop_now_ms(q->worker->loop);
	for (size_t i = 0; i < q->source_count; i++) {
		struct lane *lane = q->lanes[i];
		if (!is_in_pool(job->campaign, q->sources[i]))
			continue;
		if (lane == NULL)
			return true;
		if (lane_is_open(lane, now) ? lane_allows(plan, lane)
					    : lane->wait_until_ms <= now + LANE_WAIT_MS)
			return true;
	}
	return false;
}

/* There is work, and the lane waits. */
static void note_short(struct lane *lane)
{
	struct permit_path path = worker_path(lane, NULL);
	lane->short_wait = lane->wait;
	lane->short_ms = loop_now_ms(lane->queue->worker->loop);
	worker_note_short(lane->queue->worker, &path, &lane->wait);
	worker_want_room(lane);
}

bool worker_queue_take(struct lane *lane, struct site *site, struct lane_slot *slot)
{
	struct worker_queue *q = lane->queue;
	int64_t now = loop_now_ms(q->worker->loop);
	if (q->jobs.ready_count == 0)
		return false;
	if (!lane_is_open(lane, now)) {
		note_short(lane);
		return false;
	}
	struct pick pick = pick_for(lane, site);
	struct job *plan = provider_queue_pick(&q->jobs, &pick);
	if (plan == NULL)
		return false;
	struct work_job *job = CONTAINER_OF(plan, struct work_job, plan);
	slot->path = worker_path(lane, job->campaign);
	slot->permit = lane_take_message(&slot->path, now);
	if (!slot->permit.is_granted) {
		worker_queue_wake(q, slot->permit.wait.at_ms);
		provider_queue_untake(&q->jobs, plan);
		return false;
	}
	slot->job = job;
	slot->begun_ms = now;
	return true;
}

void worker_queue_note_short(struct worker_queue *q)
{
	int64_t now = loop_now_ms(q->worker->loop);
	for (size_t i = 0; i < q->source_count; i++)
		if (q->lanes[i] != NULL && q->lanes[i]->wait_until_ms > now)
			note_short(q->lanes[i]);
}

static void feed_idle(struct worker_queue *q)
{
	LIST_EACH (it, &q->idle) {
		if (q->jobs.ready_count == 0)
			return;
		lane_feed(LIST_ITEM(it, struct lane_session, node));
	}
}

/* ------------------------------------------------------------------------------------- connections
 */

/* When source i could open a connection that would be of use. */
static int64_t connection_ready_at(struct worker_queue *q, size_t i, int64_t now)
{
	struct lane *lane = q->lanes[i];
	if (lane == NULL)
		return now;
	/* A lane that waits for its rate needs no second connection. */
	if (!lane_is_open(lane, now))
		return lane->sessions > 0 ? LIMITER_ON_EVENT : lane->wait_until_ms;
	if (!worker_may_connect(lane))
		return worker_wait_for_save(lane, now);
	struct permit_path path = worker_path(lane, NULL);
	int64_t at = lane_connection_ready_at(&path, now, &lane->wait);
	/* Without a connection that is what it waits for. */
	if (at > now && lane->sessions == 0)
		lane->wait_until_ms = at;
	return at;
}

/* Do those the lane has serve better than one more? */
static bool has_spare(struct lane *lane, const struct site *site, int64_t now)
{
	int64_t cap = lane_messages_per_connection(&lane->limits, now);
	int64_t until = spare_until(&lane->spare, site, cap == LIMIT_NONE ? INT64_MAX : cap, now);
	if (until > 0)
		worker_queue_wake(lane->queue, until);
	return until > 0;
}

/* One more connection; false when there is nothing to open or nobody may. */
static bool open_one(struct worker_queue *q, int64_t now)
{
	struct choice choice = choose_source(q->candidates, q->source_count, 0, 0, now);
	if (choice.index == CHOOSE_NOBODY) {
		q->open_after_ms = now + OPEN_PAUSE_MS;
		if (choice.first != CHOOSE_NOBODY)
			worker_queue_wake(q, choice.at_ms);
		return false;
	}
	struct lane *lane = lane_at(q, choice.index);
	q->candidates[choice.index].ready_at_ms = connection_ready_at(q, choice.index, now);
	if (q->candidates[choice.index].ready_at_ms > now) {
		note_short(lane);
		return true; /* another source, maybe */
	}
	struct pick pick = pick_for(lane, NULL);
	size_t ready = 0;
	struct site *site = provider_queue_site(&q->jobs, &pick, &ready);
	if (site == NULL || site->opening >= ready || has_spare(lane, site, now)) {
		q->candidates[choice.index].is_usable = false;
		return true;
	}
	lane_open(lane, site);
	choose_use(q->candidates, q->source_count, choice.index);
	q->candidates[choice.index].ready_at_ms = connection_ready_at(q, choice.index, now);
	return true;
}

/* Idle connections to sites that have nothing waiting make room for those that have. */
static void give_way(struct worker_queue *q)
{
	struct list *last = q->idle.prev;
	if (last == &q->idle)
		return;
	struct lane_session *ls = LIST_ITEM(last, struct lane_session, node);
	/* Whoever waits for a permit on it keeps it: the campaign's limits are not asked. */
	struct pick pick = {.site = ls->site, .source = ls->lane->source->id};
	if (provider_queue_count(&q->jobs, &pick, 1) == 0)
		lane_session_quit(ls);
}

static void open_connections(struct worker_queue *q)
{
	struct worker *w = q->worker;
	int64_t now = loop_now_ms(w->loop);
	size_t waiting = provider_queue_total(&q->jobs) - q->jobs.taken_count;
	if (q->jobs.ready_count <= q->opening || !worker_may_begin(w))
		return;
	if (q->sessions > waiting / MESSAGES_WORTH) {
		give_way(q);
		return;
	}
	if (now < q->open_after_ms) {
		worker_queue_wake(q, q->open_after_ms);
		return;
	}
	for (size_t i = 0; i < q->source_count; i++) {
		q->candidates[i].is_usable = true;
		q->candidates[i].ready_at_ms = connection_ready_at(q, i, now);
		if (q->candidates[i].ready_at_ms > now)
			note_short(q->lanes[i]);
	}
	for (int i = 0; i < OPEN_BURST; i++)
		if (!worker_may_open(q) || q->jobs.ready_count <= q->opening ||
		    q->sessions > waiting / MESSAGES_WORTH || !open_one(q, now))
			break;
	if (q->jobs.ready_count > 0 && q->opening == 0)
		give_way(q);
}

void worker_queue_site_failed(struct lane_session *ls, const struct outcome *outcome)
{
	struct worker_queue *q = ls->lane->queue;
	struct site *site = ls->site;
	int64_t now = loop_now_ms(q->worker->loop);
	if (site_failed(site, str_from(ls->host_name), outcome->text, now))
		worker_queue_site_died(q, site);
}

void worker_queue_site_died(struct worker_queue *q, struct site *site)
{
	if (list_is_empty(&site->dead))
		list_push_back(&q->dead_sites, &site_hold(site)->dead);
}

void worker_queue_site_lives(struct worker_queue *q, struct site *site)
{
	int64_t now = loop_now_ms(q->worker->loop);
	if (!list_is_empty(&site->dead))
		worker_queue_forget_dead(site);
	for (size_t i = 0; i < q->source_count; i++)
		if (q->lanes[i] != NULL)
			health_probe(&q->lanes[i]->limits.health, now);
}

void worker_queue_shed(struct worker_queue *q)
{
	int64_t now = loop_now_ms(q->worker->loop);
	LIST_EACH (it, &q->idle) {
		struct lane_session *ls = LIST_ITEM(it, struct lane_session, node);
		if (lane_has_surplus(&ls->path, now))
			lane_session_quit(ls);
	}
}

void worker_queue_pump(struct worker_queue *q)
{
	timer_clear(q->worker->loop, &q->wake);
	q->used_ms = loop_now_ms(q->worker->loop);
	q->pumps++;
	worker_queue_let_ahead(q);
	feed_idle(q);
	open_connections(q);
}

/* ------------------------------------------------------------------------------------------- ticks
 */

bool worker_queue_begins_pool(const struct worker_queue *q, size_t i)
{
	size_t first = 0;
	while (!str_equals(q->sources[first]->pool, q->sources[i]->pool))
		first++;
	return first == i;
}

bool worker_queue_is_refused(const struct worker_queue *q, struct str pool, int64_t now)
{
	bool is_any = false;
	for (size_t i = 0; i < q->source_count; i++) {
		if (!str_equals(q->sources[i]->pool, pool))
			continue;
		is_any = true;
		const struct health *h = q->lanes[i] ? &q->lanes[i]->limits.health : NULL;
		bool is_blocked = h != NULL && h->is_blocked && h->rests_until_ms > now;
		if (h == NULL || (!is_blocked && !health_is_dead(h)))
			return false;
	}
	return is_any;
}

int64_t worker_queue_next_ms(struct worker_queue *q, const struct str *pool, int64_t now)
{
	int64_t next = INT64_MAX;
	for (size_t i = 0; i < q->source_count; i++) {
		struct lane *lane = q->lanes[i];
		if (pool != NULL && !str_equals(q->sources[i]->pool, *pool))
			continue;
		if (lane == NULL || lane->sessions > 0)
			return now;
		int64_t at = lane_is_open(lane, now) ? connection_ready_at(q, i, now)
						     : lane->wait_until_ms;
		next = at < next ? at : next;
	}
	return next;
}

void worker_queue_tick(struct worker_queue *q, int64_t now)
{
	double settled = (double)(q->settled - q->settled_before);
	q->settled_before = q->settled;
	q->rate_per_s = q->rate_per_s > 0 ? 0.5 * q->rate_per_s + 0.5 * settled : settled;
	if (q->rate_per_s < RATE_GONE)
		q->rate_per_s = 0;
	if (provider_queue_total(&q->jobs) > q->jobs.taken_count)
		worker_queue_park(q, now);
	worker_parties_tick(q, now);
	worker_queue_unprefer(q);
	worker_queue_shed(q);
	worker_touch(q);
}
