/* SPDX-License-Identifier: MIT */
/*
 * People, claims, credits and results of a world: what node/control.c and the ledger do, in memory.
 * Runs in the worker's thread, which is the only one that runs then.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ip-pool/store/lane_store.h"
#include "scheduler/node/site.h"
#include "scheduler/node/slices.h"
#include "tests/sim/virtual.h"
#include "tests/sim/world_private.h"

#define PLAN_MS 50
#define IDLE_MS 1000 /* while nobody can be claimed */
#define HORIZON_MS 2000
#define BUDGET_LEASED 100000
#define FIRST_CREDITS 32

struct someone {
	struct list node;     /* crowd.waiting */
	struct heap_node due; /* crowd.retries */
	uint64_t rid;
	int32_t age_s;
	int16_t flags;
	uint16_t attempts;
	uint32_t source;
	int64_t prefer_until_us;
	unsigned klass, cause;
	char reply[WORLD_REPLY];
};

/* A claimed chunk. */
struct hold {
	struct crowd *crowd;
	struct node_lease lease;
	size_t out;
	struct node_person *people;
	struct someone **who;
};

int64_t crowd_left(const struct crowd *c)
{
	return c->unborn + (int64_t)c->waiting_count + (int64_t)c->retries.count + (int64_t)c->held;
}

void crowd_retries(const struct crowd *c, void (*each)(void *owner, int64_t due_ms, int attempts),
		   void *owner)
{
	for (size_t i = 0; i < c->retries.count; i++) {
		const struct heap_node *node = c->retries.nodes[i];
		each(owner, node->key, CONTAINER_OF(node, struct someone, due)->attempts);
	}
}

bool crowd_pick_retry(const struct crowd *c, uint64_t number, struct crowd_retry *out)
{
	if (c->retries.count == 0)
		return false;
	const struct heap_node *node = c->retries.nodes[number % c->retries.count];
	const struct someone *p = CONTAINER_OF(node, struct someone, due);
	*out = (struct crowd_retry){.due_ms = node->key,
				    .attempts = p->attempts,
				    .klass = p->klass,
				    .cause = p->cause,
				    .reply = p->reply};
	return true;
}

/* -------------------------------------------------------------------------------------- people */

static void wait_again(struct crowd *c, struct someone *p)
{
	list_init(&p->node);
	list_push_front(&c->waiting, &p->node);
	c->waiting_count++;
}

static void wait_until(struct crowd *c, struct someone *p, int64_t due_ms)
{
	p->due = (struct heap_node){0};
	heap_insert(&c->retries, &p->due, due_ms);
}

static struct someone *next_person(struct crowd *c, int64_t now)
{
	struct heap_node *due = heap_min(&c->retries);
	if (due != NULL && due->key <= now) {
		heap_remove(&c->retries, due);
		return CONTAINER_OF(due, struct someone, due);
	}
	struct list *node = list_pop_front(&c->waiting);
	if (node != NULL) {
		c->waiting_count--;
		return LIST_ITEM(node, struct someone, node);
	}
	if (c->unborn == 0)
		return NULL;
	c->unborn--;
	struct someone *p = xcalloc(1, sizeof(*p));
	p->rid = ++c->world->people;
	return p;
}

void crowd_done(struct crowd *c)
{
	struct list *node;
	struct heap_node *due;
	must(c->held == 0);
	while ((node = list_pop_front(&c->waiting)) != NULL)
		free(LIST_ITEM(node, struct someone, node));
	while ((due = heap_min(&c->retries)) != NULL) {
		heap_remove(&c->retries, due);
		free(CONTAINER_OF(due, struct someone, due));
	}
	heap_done(&c->retries);
}

/* -------------------------------------------------------------------------------------- claims */

static struct hold *hold_new(struct crowd *c, size_t room)
{
	struct hold *h = xcalloc(1, sizeof(*h));
	h->crowd = c;
	h->people = xcalloc(room, sizeof(h->people[0]));
	h->who = xcalloc(room, sizeof(struct someone *));
	h->lease = (struct node_lease){.campaign = c->world->campaigns[c->campaign]->id,
				       .chunk = ++c->world->chunks,
				       .epoch = 1,
				       .version = 1,
				       .group = c->world->sites[c->receiver]->queue,
				       .people = h->people,
				       .context = h};
	return h;
}

static void hold_free(struct hold *h)
{
	free(h->people);
	free(h->who);
	free(h);
}

static void send_job(struct hold *h, uint16_t position)
{
	struct crowd *c = h->crowd;
	struct world *w = c->world;
	const struct node_person *person = &h->people[position];
	struct work_job *job = work_job_new();
	job->lease = &h->lease;
	job->position = position;
	job->attempt = (uint16_t)(person->attempts + 1);
	job->rid = person->rid;
	job->address = person->address;
	job->has_credit = person->has_credit;
	job->campaign = campaign_snapshot_ref(w->campaigns[c->campaign]);
	job->answer = mx_answer_hold(w->answers[c->receiver]);
	job->is_of_group = true;
	job->plan.site = site_hold(w->sites[c->receiver]);
	job->plan.preferred_source = person->source;
	job->plan.prefer_until_ms = person->prefer_until_us / 1000;
	work_letter_send(worker_inbox(w->worker), &job->letter, LETTER_OFFER, job);
}

static void claim_chunk(struct crowd *c, int64_t now)
{
	struct hold *h = hold_new(c, PLAN_CHUNK_SIZE);
	struct someone *p;
	while (h->lease.count < PLAN_CHUNK_SIZE && (p = next_person(c, now)) != NULL) {
		size_t i = h->lease.count++;
		h->who[i] = p;
		h->people[i] = (struct node_person){.rid = p->rid,
						    .flags = p->flags,
						    .address = STR("you@example"),
						    .domain = STR("example"),
						    .attempts = p->attempts,
						    .age_s = p->age_s,
						    .source = p->source,
						    .prefer_until_us = p->prefer_until_us,
						    .has_credit = i < FIRST_CREDITS};
	}
	h->out = h->lease.count;
	c->held += h->out;
	c->world->held += h->out;
	for (size_t i = 0; i < h->lease.count; i++)
		send_job(h, (uint16_t)i);
	if (h->lease.count == 0)
		hold_free(h);
}

static int64_t due_count(const struct crowd *c, int64_t now)
{
	const struct heap_node *due = heap_min(&c->retries);
	return due != NULL && due->key <= now ? 1 : 0;
}

static size_t ready_chunks(const struct crowd *c, int64_t now)
{
	int64_t ready = c->unborn + (int64_t)c->waiting_count + due_count(c, now);
	return (size_t)((ready + PLAN_CHUNK_SIZE - 1) / PLAN_CHUNK_SIZE);
}

static void on_plan(struct timer *timer)
{
	struct world *w = timer->owner;
	struct plan_need needs[WORLD_CROWDS];
	int64_t now = world_now(w);
	bool is_any = false;
	for (size_t i = 0; i < w->crowd_count; i++) {
		struct crowd *c = &w->crowds[i];
		bool is_open = !w->is_closed[c->campaign];
		needs[i] = (struct plan_need){.campaign = c->campaign,
					      .held = c->held,
					      .room = plan_pace_room(&c->pace, HORIZON_MS, now),
					      .ready_chunks = is_open ? ready_chunks(c, now) : 0};
		is_any |= needs[i].ready_chunks > 0 && needs[i].room > c->held;
	}
	if (is_any && w->held < BUDGET_LEASED &&
	    planner_claims(needs, w->crowd_count, BUDGET_LEASED - w->held) > 0)
		for (size_t i = 0; i < w->crowd_count; i++)
			for (size_t k = 0; k < needs[i].chunks; k++)
				claim_chunk(&w->crowds[i], now);
	timer_set(w->loop, timer, now + (is_any ? PLAN_MS : IDLE_MS));
}

/* ------------------------------------------------------------------------------------- results */

static void job_over(struct world *w, struct work_job *job)
{
	struct hold *h = job->lease->context;
	h->crowd->held--;
	w->held--;
	campaign_snapshot_unref(job->campaign);
	mx_answer_drop(job->answer);
	site_drop(job->plan.site);
	work_job_free(job);
	if (--h->out == 0)
		hold_free(h);
}

static bool is_same_row(const struct past_usage *a, const struct past_usage *b)
{
	return a->at_ms == b->at_ms && a->source == b->source && a->campaign == b->campaign &&
	       str_equals(a->target, b->target) && str_equals(a->domain, b->domain);
}

/* Its queue's name, as long as the world lives. */
static struct str site_queue(const struct world *w, const char *target)
{
	size_t i = 0;
	while (!str_equals(w->sites[i]->queue, str_from(target)))
		must(++i < w->receiver_count);
	return w->sites[i]->queue;
}

void world_use(struct world *w, const struct past_usage *usage)
{
	struct past_usage row = *usage;
	row.at_ms = usage->at_ms / MINUTE * MINUTE + MINUTE;
	for (size_t i = w->usage_count; i > 0 && w->usage_count - i < 32; i--) {
		if (is_same_row(&w->usage[i - 1], &row)) {
			w->usage[i - 1].messages += row.messages;
			w->usage[i - 1].connections += row.connections;
			return;
		}
	}
	if (w->usage_count == w->usage_room) {
		w->usage_room = w->usage_room ? 2 * w->usage_room : 1024;
		w->usage = xrealloc(w->usage, w->usage_room * sizeof(w->usage[0]));
	}
	w->usage[w->usage_count++] = row;
}

static void count_try(struct crowd *c, const struct settlement *s)
{
	int which = s->attempt > 1;
	if (s->attempt <= 0)
		return;
	c->attempts++;
	c->tries[which]++;
	c->took_ms[s->state == RECIPIENT_DEFERRED] += s->took_ms;
	c->took_count[s->state == RECIPIENT_DEFERRED]++;
	if (s->state != RECIPIENT_DEFERRED)
		return;
	if (s->klass == OUTCOME_DEFERRED) {
		c->deferred[which]++;
		return;
	}
	c->throttled[which]++;
	c->throttled_ms += (s->retry.due_at_us - s->at_us) / 1000;
}

static void keep_reply(struct someone *p, const struct settlement *s)
{
	int length = s->code != 0 ? snprintf(p->reply, sizeof(p->reply), "%d ", s->code) : 0;
	p->klass = s->klass;
	p->cause = s->cause;
	snprintf(p->reply + length, sizeof(p->reply) - (size_t)length, "%.*s",
		 STR_ARG(s->template_text));
}

static void go_on(struct crowd *c, struct someone *p, const struct settlement *s)
{
	count_try(c, s);
	if (s->state != RECIPIENT_DEFERRED) {
		must((size_t)s->state < WORLD_STATES);
		c->states[s->state]++;
		free(p);
		return;
	}
	keep_reply(p, s);
	p->attempts = (uint16_t)s->retry.attempts;
	p->age_s = s->retry.age_s;
	p->flags = s->retry.flags;
	p->source = (uint32_t)s->retry.source_id;
	p->prefer_until_us = s->retry.prefer_until_us;
	wait_until(c, p, s->retry.due_at_us / 1000);
}

static void take_settled(struct world *w, struct work_job *job)
{
	struct hold *h = job->lease->context;
	struct someone *p = h->who[job->position];
	const struct work_result *r = job->result;
	/* Of those under way when it was killed the journal does not know the source. */
	struct past_usage usage = {.at_ms = world_now(w),
				   .source = w->is_dying ? 0 : r->source,
				   .target = job->plan.site->queue,
				   .domain = job->campaign->from_domain,
				   .campaign = job->campaign->id,
				   .messages = 1 + job->unreached_tries};
	if (r->source != 0)
		world_use(w, &usage);
	plan_pace_settle(&h->crowd->pace, r->transfer_ms);
	go_on(h->crowd, p, &r->settlement);
	job_over(w, job);
}

static void take_returned(struct world *w, struct work_job *job)
{
	struct hold *h = job->lease->context;
	struct plan_pace *pace = &h->crowd->pace;
	must(job->returned == RETURNED_PARKED || job->returned == RETURNED_DRAINED ||
	     job->returned == RETURNED_RECALLED);
	if (job->returned == RETURNED_PARKED && pace->shut_until_ms < job->due_ms)
		pace->shut_until_ms = job->due_ms;
	wait_again(h->crowd, h->who[job->position]);
	job_over(w, job);
}

/* ---------------------------------------------------------------------------------- what is said
 */

static void take_status(struct world *w, struct work_status *status)
{
	for (size_t i = 0; i < w->crowd_count; i++) {
		struct crowd *c = &w->crowds[i];
		plan_pace_tick(&c->pace);
		for (size_t k = 0; k < status->pool_count; k++) {
			const struct work_pool_status *pool = &status->pools[k];
			struct str queue = str_from(status->queues[pool->queue].name);
			if (str_equals(w->sites[c->receiver]->queue, queue))
				plan_pace_shut(&c->pace, pool->next_ms, world_now(w));
		}
	}
	if (w->on_status != NULL && !w->is_dying)
		w->on_status(w, status);
	work_status_free(status);
}

static void keep_lane(struct world *w, const struct lane_saved *saved)
{
	size_t i = 0;
	while (i < w->lane_count && (w->lanes[i].saved.source != saved->source ||
				     strcmp(w->lanes[i].saved.target, saved->target) != 0))
		i++;
	must(i < ARRAY_LEN(w->lanes));
	if (i == w->lane_count)
		w->lane_count++;
	w->lanes[i].saved = *saved;
	w->lanes[i].saved_ms = world_now(w);
}

static void take_lanes(struct world *w, struct work_lanes *lanes)
{
	for (size_t i = 0; i < lanes->count && !w->is_dying; i++)
		keep_lane(w, &lanes->lanes[i]);
	free(lanes);
}

/* All that are limited are told at once; of the others nothing is worth keeping. */
static void take_parties(struct world *w, struct work_parties *parties)
{
	must(parties->count <= ARRAY_LEN(w->parties));
	if (!w->is_dying) {
		memcpy(w->parties, parties->parties, parties->count * sizeof(w->parties[0]));
		w->party_count = parties->count;
		w->parties_saved_ms = world_now(w);
	}
	free(parties);
}

/* One worker on one node has every limit for itself. */
static void take_wish(struct world *w, struct work_wish *wish)
{
	struct work_shares *shares =
		xcalloc(1, sizeof(*shares) + wish->count * sizeof(shares->items[0]));
	shares->until_ms = LIMIT_FOREVER;
	for (size_t i = 0; i < wish->count; i++)
		if (wish->items[i].version == 0)
			shares->items[shares->count++] =
				(struct work_share_item){.scope = wish->items[i].scope,
							 .meter = wish->items[i].meter,
							 .part = LIMIT_MAX_COUNT,
							 .version = 1};
	free(wish);
	free(work_post(&w->posts, LETTER_SHARES, shares));
}

/* They are in the database at once; of what a killed process says nobody hears. */
static void take_connects(struct world *w, struct work_connects *c)
{
	while (c != NULL) {
		struct work_connects *next = c->next;
		for (size_t i = 0; i < c->count && !w->is_dying; i++) {
			struct past_usage usage = {.at_ms = world_now(w),
						   .source = c->items[i].source,
						   .target = site_queue(w, c->items[i].target),
						   .connections = c->items[i].connections};
			world_use(w, &usage);
		}
		free(c);
		c = next;
	}
	if (w->is_ending)
		return;
	struct work_connects_saved *saved = xcalloc(1, sizeof(*saved));
	free(work_post(&w->posts, LETTER_CONNECTS, saved));
}

static void take_blocked(struct work_blocked *b)
{
	while (b != NULL) {
		struct work_blocked *next = b->next;
		free(b);
		b = next;
	}
}

static void take_post(struct world *w, enum work_letter_kind kind, void *content)
{
	if (content == NULL)
		return;
	if (kind == LETTER_STATUS)
		take_status(w, content);
	else if (kind == LETTER_LANES)
		take_lanes(w, content);
	else if (kind == LETTER_PARTIES)
		take_parties(w, content);
	else if (kind == LETTER_BLOCKED)
		take_blocked(content);
	else if (kind == LETTER_CONNECTS)
		take_connects(w, content);
	else if (kind == LETTER_SHARES)
		take_wish(w, content);
	else
		must(!"a letter for the worker");
}

static void on_credit(struct timer *timer)
{
	struct world *w = timer->owner;
	struct list *node;
	while ((node = list_pop_front(&w->credits)) != NULL) {
		struct letter *letter = CONTAINER_OF(node, struct letter, node);
		struct work_job *job = letter->content;
		job->has_credit = true;
		work_letter_send(worker_inbox(w->worker), &job->credit_letter, LETTER_CREDIT, job);
	}
}

static void take_credit_wish(struct world *w, struct work_job *job)
{
	list_push_back(&w->credits, &job->credit_letter.node);
	if (!timer_is_set(&w->credit_timer))
		timer_set(w->loop, &w->credit_timer, world_now(w) + w->settings.flush_ms);
}

void world_on_letter(void *owner, struct letter *letter)
{
	struct world *w = owner;
	enum work_letter_kind kind = (enum work_letter_kind)letter->kind;
	if (kind >= WORK_POSTED_FIRST)
		take_post(w, kind, mailbox_take(w->inbox, letter));
	else if (kind == LETTER_CREDIT)
		take_credit_wish(w, letter->content);
	else if (kind == LETTER_SETTLED)
		take_settled(w, letter->content);
	else if (kind == LETTER_RETURNED)
		take_returned(w, letter->content);
	else
		must(kind == LETTER_DRAINED);
}

void world_ledger_start(struct world *w)
{
	w->is_ending = w->is_dying = false;
	for (size_t i = 0; i < w->crowd_count; i++) /* a new process knows nothing */
		w->crowds[i].pace = (struct plan_pace){.settled = 0};
	w->plan_timer = (struct timer){.on_due = on_plan, .owner = w};
	w->credit_timer = (struct timer){.on_due = on_credit, .owner = w};
	timer_set(w->loop, &w->plan_timer, world_now(w));
}

void world_ledger_stop(struct world *w)
{
	timer_clear(w->loop, &w->plan_timer);
	timer_clear(w->loop, &w->credit_timer);
	must(w->held == 0 && list_is_empty(&w->credits));
}
