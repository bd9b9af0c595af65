/* SPDX-License-Identifier: MIT */
/*
 * A lane's connections: opening, feeding, the callbacks of their sessions, ending. See
 * worker_private.h. Runs on the worker that owns the provider.
 */
#include "scheduler/node/worker_private.h"

#include <stdlib.h>
#include <string.h>

static const struct session_events events;

/* How long broken TLS, or an odd overlapped session, is remembered of a host. */
#define HOST_MARK_MS INT64_C(86400000)
/* An idle connection to a tail site that has nobody waiting. */
#define TAIL_IDLE_MS 1000

/* After an unclean stop: as many as the lane might have then, whether it sent or not. */
static struct past_left left_over(const void *owner, const struct past_view *view, size_t stop)
{
	const struct lane *lane = owner;
	const struct limiter *l = &lane->limits.limiter;
	const struct ip_pool_snapshot *pool = lane->identity->pool;
	int64_t from, to;
	past_stop_span(view, stop, &from, &to);
	return (struct past_left){
		limit_most_connections(&pool->past_limits, &l->scope, l->profile, from, to),
		worker_left_connects(lane->queue->worker, &l->scope, l->profile, from, to)};
}

/* What this lane, or one like it in an earlier process, used and learnt. */
static void remember(struct lane *lane)
{
	struct worker *w = lane->queue->worker;
	const struct ip_pool_snapshot *pool = w->identity->pool;
	int64_t now = loop_now_ms(w->loop);
	struct past_view view = {w->options.past, w->options.index, w->options.workers};
	struct past_extent extent = {.source = lane->source->id,
				     .left = left_over,
				     .owner = lane,
				     .close_ms = w->options.settings.timeouts.close_ms,
				     .may_overlap = w->options.settings.may_overlap};
	past_apply(&view, &extent, &lane->limits.limiter, now);
	const struct lane_record *r = ip_pool_lane(pool, lane->source->id, lane->queue->name);
	if (r != NULL)
		lane_state_load(&lane->limits, &r->state, r->age_ms + now - pool->loaded_ms, now);
}

struct lane *lane_new(struct worker_queue *q, const struct source *source)
{
	struct lane *lane = xcalloc(1, sizeof(*lane));
	struct worker *w = q->worker;
	struct limit_scope scope = {.level = LEVEL_LANE,
				    .provider = q->provider,
				    .site = q->name,
				    .source = source->name,
				    .node = w->identity->node};
	lane->queue = q;
	list_init(&lane->opening);
	list_init(&lane->busy);
	list_init(&lane->ending);
	list_init(&lane->retired);
	list_init(&lane->connected);
	lane_limits_init(&lane->limits, &scope,
			 provider_find(w->identity->pool->providers, q->provider),
			 loop_now_ms(w->loop));
	lane_bind(lane, source);
	remember(lane);
	return lane;
}

/* Operators had it forget what it learnt: the queue looks again after a reload. */
static void follow_forgetting(struct lane *lane, int64_t now)
{
	const struct ip_pool_snapshot *pool = lane->identity->pool;
	const struct lane_record *r = ip_pool_lane(pool, lane->source->id, lane->queue->name);
	struct log_line l;
	if (r == NULL || !lane_forget(&lane->limits, r->forgotten, now))
		return;
	lane->wait_until_ms = 0;
	lane->queue->worker->has_news = true;
	if (!log_begin(&l, LOG_INFO, "lane_forgot"))
		return;
	log_str(&l, "source", lane->source->name);
	log_str(&l, "queue", lane->queue->name);
	log_end(&l);
}

/* The source's plan of today, and what operators asked of this lane's warm-up. */
static void bind_warmup(struct lane *lane, int64_t now)
{
	const struct ip_pool_snapshot *pool = lane->identity->pool;
	const struct warmup_plan *plan = &pool->plans[lane->source - pool->sources];
	const struct lane_record *r = ip_pool_lane(pool, lane->source->id, lane->queue->name);
	static const struct warmup_state fresh = {.step = 0};
	if (plan->count == 0) {
		lane->limits.warmup = NULL;
		return;
	}
	if (lane->limits.warmup == NULL)
		warmup_state_load(&lane->warmup, plan, r ? &r->warmup : &fresh,
				  r ? r->age_ms + now - pool->loaded_ms : 0, now);
	lane->limits.warmup = &lane->warmup;
	warmup_bind(&lane->warmup, plan, now);
	if (r != NULL)
		warmup_follow(&lane->warmup, r->warmup_advanced, r->warmup_held, now);
}

static bool is_paused_by_health(const struct lane *lane, int64_t now)
{
	const struct ip_pool_snapshot *pool = lane->queue->worker->identity->pool;
	for (size_t i = 0; i < pool->pause_count; i++) {
		const struct pause *p = &pool->pauses[i];
		if (p->origin == PAUSE_HEALTH && p->until_ms > now &&
		    pause_stops_lane(p, &lane->limits.limiter.scope))
			return true;
	}
	return false;
}

/* An operator who lifts the pause that a block made ends the lane's rest. */
static void follow_health_pause(struct lane *lane, int64_t now)
{
	bool is_paused = is_paused_by_health(lane, now);
	struct health *health = &lane->limits.health;
	if (lane->has_health_pause && !is_paused && health->is_blocked &&
	    health->rests_until_ms > now) {
		health_resume(health, now);
		lane->queue->worker->has_news = true;
	}
	lane->has_health_pause = is_paused;
}

void lane_bind(struct lane *lane, const struct source *source)
{
	struct worker *w = lane->queue->worker;
	struct limit_scope *scope = &lane->limits.limiter.scope;
	int64_t now = loop_now_ms(w->loop);
	bool is_new = lane->identity == NULL; /* and will be told what was saved */
	if (source != NULL) {
		struct identity *old = lane->identity;
		lane->identity = identity_hold(w->identity);
		lane->source = source;
		scope->source = source->name;
		scope->node = lane->identity->node;
		identity_drop(old);
	}
	lane_limits_bind(&lane->limits, &w->identity->pool->limits,
			 provider_find(w->identity->pool->providers, lane->queue->provider), now);
	const struct pause *pause = pause_of_lane(w->identity->pool->pauses,
						  w->identity->pool->pause_count, scope, now);
	lane->limits.paused_until_ms = pause ? pause->until_ms : 0;
	follow_health_pause(lane, now);
	if (source == NULL)
		return;
	if (!is_new)
		follow_forgetting(lane, now);
	bind_warmup(lane, now);
}

void lane_free(struct lane *lane)
{
	if (lane == NULL)
		return;
	must(lane->sessions == 0);
	list_remove(&lane->retired);
	list_remove(&lane->connected);
	identity_drop(lane->identity);
	free(lane);
}

struct site_host *lane_session_host(struct lane_session *ls)
{
	return site_host_named(ls->site, str_from(ls->host_name));
}

static void on_idle_long(struct timer *timer)
{
	lane_session_quit(timer->owner);
}

static struct lane_session *lane_session_new(struct lane *lane, struct site *site,
					     const struct site_pick *pick)
{
	struct lane_session *ls = xcalloc(1, sizeof(*ls));
	list_init(&ls->node);
	list_init(&ls->resting);
	ls->lane = lane;
	ls->site = site_hold(site);
	ls->is_probe = pick->is_probe;
	must(str_to_cstr(pick->name, ls->host_name, sizeof(ls->host_name)) == 0);
	ls->idle_timer = (struct timer){.on_due = on_idle_long, .owner = ls};
	for (size_t i = 0; i < ARRAY_LEN(ls->slots); i++) {
		ls->slots[i].carrier = ls;
		list_init(&ls->slots[i].committing);
	}
	return ls;
}

static void lane_session_free(struct lane_session *ls)
{
	struct lane *lane = ls->lane;
	list_remove(&ls->node);
	list_remove(&ls->resting);
	timer_clear(lane->queue->worker->loop, &ls->idle_timer);
	if (--lane->sessions == 0)
		spare_ended(&lane->spare, loop_now_ms(lane->queue->worker->loop));
	lane->queue->sessions--;
	lane->queue->worker->sessions--;
	site_left(lane_session_host(ls));
	site_drop(ls->site);
	free(ls);
}

static struct session_target target_of(const struct lane_session *ls, const struct site_pick *pick,
				       char *ehlo, size_t ehlo_size)
{
	const struct worker *w = ls->lane->queue->worker;
	const struct site_access *access = &ls->site->access;
	const struct source *source = ls->lane->source;
	struct session_target t = {
		.host_name = ls->host_name,
		.ehlo_name = ehlo,
		.tls = access->tls == TLS_OPPORTUNISTIC && pick->is_plain ? TLS_NONE : access->tls,
		.tls_context = w->options.tls,
		.user = access->user.len ? access->user.ptr : NULL,
		.password = access->user.len ? access->password.ptr : NULL,
		.may_pipeline = w->options.settings.may_pipeline,
		.may_overlap = w->options.settings.may_overlap && pick->may_overlap,
		.timeouts = &w->options.settings.timeouts,
	};
	must(str_to_cstr(source->ehlo, ehlo, ehlo_size) == 0);
	ip_to_sockaddr(&pick->ip, access->port, &t.address);
	must(source_parse_address(source->address, &t.source) == 0);
	return t;
}

void lane_open(struct lane *lane, struct site *site)
{
	struct worker_queue *q = lane->queue;
	struct worker *w = q->worker;
	int64_t now = loop_now_ms(w->loop);
	struct site_pick pick;
	if (lane->sessions == 0)
		spare_begun(&lane->spare, site, now);
	site_pick_host(site, now, &pick);
	struct lane_session *ls = lane_session_new(lane, site, &pick);
	ls->path = worker_path(lane, NULL);
	struct permit permit = lane_take_connection(&ls->path, now);
	must(permit.is_granted);
	ls->begun_ms = permit.at_ms;
	list_push_back(&lane->opening, &ls->node);
	lane->sessions++;
	lane->connecting++;
	q->sessions++;
	w->sessions++;
	q->opening++;
	site->opening++;
	char ehlo[256];
	struct session_target target = target_of(ls, &pick, ehlo, sizeof(ehlo));
	ls->session = session_open(w->net, &target, &events, ls);
}

static bool carries_something(const struct lane_session *ls)
{
	return ls->slots[0].job != NULL || ls->slots[1].job != NULL;
}

static struct lane_slot *slot_of(struct lane_session *ls, const struct work_job *job)
{
	for (size_t i = 0; i < ARRAY_LEN(ls->slots); i++)
		if (ls->slots[i].job == job)
			return &ls->slots[i];
	return NULL;
}

static bool is_used_up(const struct lane_session *ls)
{
	int64_t now = loop_now_ms(ls->lane->queue->worker->loop);
	int64_t cap = lane_messages_per_connection(&ls->lane->limits, now);
	return cap != LIMIT_NONE && ls->messages >= cap;
}

/* Takes a job for the session and sends it; false if there is none, or no more is allowed here. */
static bool send_next(struct lane_session *ls)
{
	struct lane_slot *slot = slot_of(ls, NULL);
	struct worker *w = ls->lane->queue->worker;
	if (slot == NULL || is_used_up(ls) || !session_can_send(ls->session) ||
	    !worker_may_begin(w))
		return false;
	if (!worker_queue_take(ls->lane, ls->site, slot))
		return false;
	struct work_job *job = slot->job;
	struct work_draft *draft = job->draft;
	draft->slices[0] = buf_str(&draft->message.text);
	draft->slices[1] = draft->message.tail;
	struct envelope envelope = {
		.mail_from = buf_str(&draft->mail_from),
		.rcpt_to = job->address,
		.slices = draft->slices,
		.slice_count = draft->slices[1].len ? 2 : 1,
		.size = message_size(&draft->message),
		.needs_smtputf8 = !str_is_ascii(job->address),
		.tag = job,
	};
	slot->permit.nth = ls->messages++;
	must(session_send(ls->session, &envelope));
	return true;
}

bool lane_feed(struct lane_session *ls)
{
	struct worker *w = ls->lane->queue->worker;
	/* Not the first pump since it became idle? */
	bool was_spare = ls->lane->queue->pumps > ls->idle_pump + 1;
	if (!send_next(ls)) {
		if (is_used_up(ls))
			lane_session_quit(ls);
		return false;
	}
	if (was_spare)
		spare_found(&ls->lane->spare, ls->site, loop_now_ms(w->loop));
	timer_clear(w->loop, &ls->idle_timer);
	list_remove(&ls->resting);
	list_remove(&ls->node);
	list_push_back(&ls->lane->busy, &ls->node);
	return true;
}

void lane_session_quit(struct lane_session *ls)
{
	must(!carries_something(ls));
	lane_leave_connection(&ls->path);
	ls->lane->gives_up = false;
	ls->is_leaving = true;
	timer_clear(ls->lane->queue->worker->loop, &ls->idle_timer);
	list_remove(&ls->resting);
	list_remove(&ls->node);
	list_push_back(&ls->lane->ending, &ls->node);
	session_quit(ls->session);
}

static void end_opening(struct lane_session *ls)
{
	ls->site->opening--;
	ls->lane->queue->opening--;
	ls->lane->connecting--;
	worker_note_connect(ls->lane);
	if (ls->is_probe)
		site_probe_over(lane_session_host(ls));
}

static void become_greeted(struct lane_session *ls)
{
	struct worker_queue *q = ls->lane->queue;
	ls->is_greeted = true;
	ls->lane->greeted++;
	ls->lane->failed_since_ms = 0;
	end_opening(ls);
	lane_greeted(&ls->path, loop_now_ms(q->worker->loop));
	if (site_greeted(ls->site, str_from(ls->host_name)))
		worker_queue_site_lives(q, ls->site);
}

/* Tail sites are many and mostly seen once: their connections must not fill the node. */
static int64_t idle_ms_of(const struct worker_queue *q)
{
	int64_t idle_ms = q->worker->options.settings.idle_ms;
	bool is_over = q->provider.len == 0 && provider_queue_total(&q->jobs) == 0;
	return is_over && idle_ms > TAIL_IDLE_MS ? TAIL_IDLE_MS : idle_ms;
}

/* False when it is to end: the node or its source drains, or there are more than allowed. */
static bool may_go_on(const struct lane_session *ls)
{
	const struct worker *w = ls->lane->queue->worker;
	return !w->is_draining && list_is_empty(&ls->lane->retired) && !ls->lane->gives_up &&
	       !lane_has_surplus(&ls->path, loop_now_ms(w->loop));
}

static void on_ready(void *owner, struct session *s)
{
	struct lane_session *ls = owner;
	struct worker_queue *q = ls->lane->queue;
	struct worker *w = q->worker;
	(void)s;
	if (!ls->is_greeted)
		become_greeted(ls);
	list_remove(&ls->node);
	list_push_front(&q->idle, &ls->node);
	list_push_back(&w->resting, &ls->resting);
	ls->idle_pump = q->pumps;
	if (is_used_up(ls) || !may_go_on(ls) || worker_seat_is_wanted(q)) {
		lane_session_quit(ls);
		return;
	}
	timer_set(w->loop, &ls->idle_timer, loop_now_ms(w->loop) + idle_ms_of(q));
	worker_touch(q);
}

/* The next envelope may ride with the body. */
static void on_room(void *owner, struct session *s)
{
	(void)s;
	if (may_go_on(owner))
		send_next(owner);
}

static void on_wants_commit(void *owner, struct session *s, void *tag)
{
	struct lane_session *ls = owner;
	struct lane_slot *slot = slot_of(ls, tag);
	(void)s;
	must(slot != NULL);
	if (list_is_empty(&slot->committing))
		list_push_back(&ls->lane->queue->worker->committing, &slot->committing);
}

static void on_outcome(void *owner, struct session *s, void *tag, const struct outcome *facts)
{
	struct lane_session *ls = owner;
	struct lane_slot *slot = slot_of(ls, tag);
	(void)s;
	must(slot != NULL);
	list_remove(&slot->committing);
	lane_on_outcome(ls, slot, facts);
}

static void on_closed(void *owner, struct session *s, const struct outcome *why)
{
	struct lane_session *ls = owner;
	struct worker_queue *q = ls->lane->queue;
	struct session_facts facts = session_facts(s);
	must(!carries_something(ls));
	int64_t marked_until_ms = loop_now_ms(q->worker->loop) + HOST_MARK_MS;
	struct str host = str_from(ls->host_name);
	if (facts.dialog.tls_failed)
		site_mark(ls->site, host, SITE_MARK_PLAIN, marked_until_ms);
	if (facts.dialog.ended_overlapped)
		site_mark(ls->site, host, SITE_MARK_IN_TURN, marked_until_ms);
	if (ls->is_greeted) {
		ls->lane->greeted--;
	} else {
		end_opening(ls);
		lane_on_failed(ls, why);
	}
	lane_end_connection(&ls->path, ls->is_leaving);
	ls->lane->gives_up = false;
	worker_has_room(q->worker);
	q->open_after_ms = 0;
	worker_touch(q);
	lane_session_free(ls);
}

static const struct session_events events = {
	.on_ready = on_ready,
	.on_room = on_room,
	.on_wants_commit = on_wants_commit,
	.on_outcome = on_outcome,
	.on_closed = on_closed,
};

void lane_commit(struct lane_slot *slot)
{
	struct worker *w = slot->carrier->lane->queue->worker;
	/* What the kernel has taken is not needed while the receiver thinks about it. */
	if (session_commit(slot->carrier->session) && session_is_written(slot->carrier->session))
		composers_release(w->options.composers, slot->job);
}

void lane_session_abort(struct lane_session *ls)
{
	for (size_t i = 0; i < ARRAY_LEN(ls->slots); i++)
		ls->slots[i].is_given_up = true;
	session_abort(ls->session);
}

void lane_recall(struct lane *lane, const struct work_recall *recall, enum work_returned why)
{
	LIST_EACH (it, &lane->busy) {
		struct lane_session *ls = LIST_ITEM(it, struct lane_session, node);
		for (size_t i = 0; i < ARRAY_LEN(ls->slots); i++) {
			struct work_job *job = ls->slots[i].job;
			if (job == NULL || !work_recall_wants(recall, job))
				continue;
			job->is_recalled = true;
			job->returned = why;
		}
	}
}
