/* SPDX-License-Identifier: MIT */
/*
 * The queue of one provider: fair shares of campaigns, ready jobs by site. See provider_queue.h.
 * Pure; runs on the worker that owns the provider, and in the simulator.
 */
#include "scheduler/plan/provider_queue.h"

#include <stdlib.h>

/* One pick in this many is round robin; the others go to whoever has sent least. */
#define ROUND_ROBIN_EVERY 4u

struct flow {
	struct list node;	/* share.flows or .preferring while it has ready jobs */
	struct map_node by_key; /* share.by_flow */
	struct site *site;
	uint32_t source;   /* the one its jobs prefer; 0 = any will do */
	struct list ready; /* struct job, FIFO */
	size_t count;
};

struct line {
	struct map_node by_site; /* provider_queue.lines */
	struct list jobs;	 /* struct job (in_line), in order of arrival */
	size_t count;
};

typedef bool (*share_has)(const struct share *share, const struct pick *p);

void provider_queue_init(struct provider_queue *q)
{
	*q = (struct provider_queue){0};
	list_init(&q->shares);
	list_init(&q->arrivals);
	list_init(&q->ahead);
	list_init(&q->composing);
	map_init(&q->lines);
}

static void share_free(struct share *share)
{
	list_remove(&share->node);
	map_done(&share->by_flow);
	free(share);
}

void provider_queue_done(struct provider_queue *q)
{
	must(provider_queue_total(q) == 0);
	LIST_EACH (it, &q->shares)
		share_free(LIST_ITEM(it, struct share, node));
	must(q->lines.count == 0);
	map_done(&q->lines);
}

static size_t share_total(const struct share *share)
{
	return share->queued_count + share->ahead_count + share->ready_count + share->taken_count;
}

/*
 * A campaign that joins late may not claim all that the others sent before it came: it would have
 * the queue for itself until it caught up. It joins at the least count present minus a head start,
 * which gives a small campaign its three quarters and a large one soon an equal part.
 */
static void share_rejoin(struct provider_queue *q, struct share *share)
{
	const uint64_t head_start = 10000;
	uint64_t least = UINT64_MAX;
	LIST_EACH (it, &q->shares) {
		const struct share *other = LIST_ITEM(it, struct share, node);
		if (share_total(other) > 0 && other->sent < least)
			least = other->sent;
	}
	if (least == UINT64_MAX)
		return;
	uint64_t start = least > head_start ? least - head_start : 0;
	if (share->sent < start)
		share->sent = start;
}

static struct share *share_of(struct provider_queue *q, struct share_owner owner)
{
	LIST_EACH (it, &q->shares) {
		struct share *share = LIST_ITEM(it, struct share, node);
		if (share->owner.campaign == owner.campaign) {
			if (share_total(share) == 0)
				share_rejoin(q, share);
			share->owner = owner;
			share->is_over = false;
			return share;
		}
	}
	struct share *share = xcalloc(1, sizeof(*share));
	list_init(&share->node);
	list_init(&share->queued);
	list_init(&share->patient);
	list_init(&share->credited);
	list_init(&share->credited_patient);
	list_init(&share->flows);
	list_init(&share->preferring);
	map_init(&share->by_flow);
	share->owner = owner;
	share_rejoin(q, share);
	list_push_back(&q->shares, &share->node);
	return share;
}

static struct line *line_find(const struct provider_queue *q, const struct site *site)
{
	struct map_node *node = map_get(&q->lines, (uint64_t)(uintptr_t)site, NULL, NULL);
	return node ? CONTAINER_OF(node, struct line, by_site) : NULL;
}

static void arrive(struct provider_queue *q, struct job *job)
{
	struct line *line = line_find(q, job->site);
	if (line == NULL) {
		line = xcalloc(1, sizeof(*line));
		list_init(&line->jobs);
		map_put(&q->lines, &line->by_site, (uint64_t)(uintptr_t)job->site);
	}
	list_init(&job->arrival);
	list_init(&job->in_line);
	list_push_back(&q->arrivals, &job->arrival);
	list_push_back(&line->jobs, &job->in_line);
	line->count++;
}

static void depart(struct provider_queue *q, struct job *job)
{
	struct line *line = line_find(q, job->site);
	must(line != NULL);
	list_remove(&job->arrival);
	list_remove(&job->in_line);
	if (--line->count > 0)
		return;
	map_remove(&q->lines, &line->by_site);
	free(line);
}

void provider_queue_offer(struct provider_queue *q, struct share_owner owner, struct job *job)
{
	must(job->step == JOB_OUTSIDE);
	job->share = share_of(q, owner);
	arrive(q, job);
	job->step = JOB_QUEUED;
	list_init(&job->node);
	list_push_back(job->preferred_source ? &job->share->patient : &job->share->queued,
		       &job->node);
	job->share->queued_count++;
	q->queued_count++;
}

/* The share to serve among those that `has` says yes to; rotates on a round-robin turn. */
static struct share *next_share(struct provider_queue *q, const struct pick *p, share_has has,
				bool is_round_robin)
{
	struct share *best = NULL;
	LIST_EACH (it, &q->shares) {
		struct share *share = LIST_ITEM(it, struct share, node);
		if (!has(share, p))
			continue;
		bool is_higher = best == NULL || share->owner.priority > best->owner.priority;
		bool is_equal = best != NULL && share->owner.priority == best->owner.priority;
		if (is_higher || (is_equal && !is_round_robin && share->sent < best->sent))
			best = share;
	}
	return best;
}

static void rotate(struct list *head, struct list *node)
{
	list_remove(node);
	list_push_back(head, node);
}

static struct job *first_in(const struct flow *flow)
{
	return flow ? LIST_ITEM(list_first(&flow->ready), struct job, node) : NULL;
}

/* Whoever came first of the heads of two lists, each of which may be NULL. */
static struct job *earlier(struct list *any, struct list *patient)
{
	if (any == NULL || patient == NULL)
		return any || patient ? LIST_ITEM(any ? any : patient, struct job, node) : NULL;
	struct job *first = LIST_ITEM(any, struct job, node);
	struct job *other = LIST_ITEM(patient, struct job, node);
	return other->queued_at_ms < first->queued_at_ms ? other : first;
}

/* One more or less that is ahead or ready; one more or less that takes memory. */
static void count_preferring(struct provider_queue *q, const struct job *job, int change)
{
	size_t more = job->preferred_source != 0 ? (size_t)change : 0;
	q->preferring_count += more;
	job->share->preferring_count += more;
}

static void count_preferring_drafts(struct provider_queue *q, const struct job *job, int change)
{
	size_t more = job->preferred_source != 0 ? (size_t)change : 0;
	q->preferring_drafts += more;
	job->share->preferring_drafts += more;
}

/* The queued job of the share to go next into room. Those of one that is held have a room of their
 * own, whoever they prefer, or they would take the place of others for as long as it is. */
static struct job *first_queued(const struct share *share, const struct ahead_room *room)
{
	bool any = share->is_held ? room->held : room->any;
	bool preferring = share->is_held ? room->held : room->preferring;
	return earlier(any ? list_first(&share->queued) : NULL,
		       preferring ? list_first(&share->patient) : NULL);
}

const struct job *provider_queue_sample(const struct share *share)
{
	const struct list *lists[] = {&share->credited, &share->credited_patient, &share->queued,
				      &share->patient};
	struct list *flow = list_first(&share->flows);
	if (flow == NULL)
		flow = list_first(&share->preferring);
	if (flow != NULL)
		return first_in(LIST_ITEM(flow, struct flow, node));
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		if (list_first(lists[i]) != NULL)
			return LIST_ITEM(list_first(lists[i]), struct job, node);
	return NULL;
}

void provider_queue_hold(struct provider_queue *q, pick_allows goes, void *context)
{
	size_t sharing = 0;
	q->held_ahead = q->held_drafts = 0;
	q->held_preferring = q->held_preferring_drafts = 0;
	LIST_EACH (it, &q->shares)
		sharing += share_total(LIST_ITEM(it, struct share, node)) > 0;
	LIST_EACH (it, &q->shares) {
		struct share *share = LIST_ITEM(it, struct share, node);
		const struct job *job = sharing > 1 ? provider_queue_sample(share) : NULL;
		share->is_held = job != NULL && !goes(job, context);
		q->held_ahead += share->is_held ? share->ahead_count + share->ready_count : 0;
		q->held_drafts += share->is_held ? share->draft_count : 0;
		q->held_preferring += share->is_held ? share->preferring_count : 0;
		q->held_preferring_drafts += share->is_held ? share->preferring_drafts : 0;
	}
}

static bool has_queued(const struct share *share, const struct pick *p)
{
	return first_queued(share, p->context) != NULL;
}

struct job *provider_queue_ahead(struct provider_queue *q, struct ahead_room room)
{
	const struct pick p = {.context = &room};
	if (q->queued_count == 0)
		return NULL;
	bool is_round_robin = ++q->turn % ROUND_ROBIN_EVERY == 0;
	struct share *share = next_share(q, &p, has_queued, is_round_robin);
	if (share == NULL)
		return NULL;
	if (is_round_robin)
		rotate(&q->shares, &share->node);
	struct job *job = first_queued(share, &room);
	list_remove(&job->node);
	job->step = JOB_AHEAD;
	list_push_back(&q->ahead, &job->node);
	share->queued_count--;
	share->ahead_count++;
	q->queued_count--;
	q->ahead_count++;
	count_preferring(q, job, 1);
	q->held_ahead += share->is_held;
	q->held_preferring += share->is_held && job->preferred_source != 0;
	/* What is ahead counts as sent, or a fast queue would fill the window with one campaign. */
	share->sent++;
	return job;
}

void provider_queue_credit(struct provider_queue *q, struct job *job)
{
	struct share *share = job->share;
	must(job->step == JOB_AHEAD);
	list_remove(&job->node);
	list_push_back(job->preferred_source ? &share->credited_patient : &share->credited,
		       &job->node);
	job->step = JOB_CREDITED;
	q->credited_count++;
}

static struct list *first_that_goes(const struct list *patient, const struct compose_room *room)
{
	LIST_EACH (it, patient)
		if (room->goes_soon(LIST_ITEM(it, struct job, node), room->context))
			return it;
	return NULL;
}

static struct job *first_credited(const struct share *share, const struct compose_room *room)
{
	bool any = share->is_held ? room->held : room->any;
	bool preferring = share->is_held ? room->held : room->preferring;
	return earlier(any ? list_first(&share->credited) : NULL,
		       preferring ? first_that_goes(&share->credited_patient, room) : NULL);
}

static bool has_credited(const struct share *share, const struct pick *p)
{
	return first_credited(share, p->context) != NULL;
}

struct job *provider_queue_compose(struct provider_queue *q, struct compose_room room)
{
	const struct pick p = {.context = &room};
	struct share *share = q->credited_count ? next_share(q, &p, has_credited, false) : NULL;
	if (share == NULL)
		return NULL;
	struct job *job = first_credited(share, &room);
	list_remove(&job->node);
	list_push_back(&q->composing, &job->node);
	job->step = JOB_COMPOSING;
	q->credited_count--;
	q->draft_count++;
	q->held_drafts += share->is_held;
	share->draft_count++;
	count_preferring_drafts(q, job, 1);
	q->held_preferring_drafts += share->is_held && job->preferred_source != 0;
	return job;
}

struct flow_key {
	const struct site *site;
	uint32_t source;
};

static bool is_flow(const struct map_node *node, const void *key)
{
	const struct flow *flow = CONTAINER_OF(node, struct flow, by_key);
	const struct flow_key *k = key;
	return flow->site == k->site && flow->source == k->source;
}

static uint64_t flow_hash(const struct flow_key *key)
{
	return (uint64_t)(uintptr_t)key->site ^ key->source * UINT64_C(0x9E3779B97F4A7C15);
}

static struct flow *flow_find(const struct share *share, const struct site *site, uint32_t source)
{
	struct flow_key key = {site, source};
	struct map_node *node = map_get(&share->by_flow, flow_hash(&key), is_flow, &key);
	return node ? CONTAINER_OF(node, struct flow, by_key) : NULL;
}

static struct list *flows_like(struct share *share, const struct flow *flow)
{
	return flow->source != 0 ? &share->preferring : &share->flows;
}

static struct flow *flow_of(struct share *share, const struct job *job)
{
	struct flow_key key = {job->site, job->preferred_source};
	struct flow *flow = flow_find(share, key.site, key.source);
	if (flow != NULL)
		return flow;
	flow = xcalloc(1, sizeof(*flow));
	list_init(&flow->node);
	list_init(&flow->ready);
	flow->site = job->site;
	flow->source = key.source;
	map_put(&share->by_flow, &flow->by_key, flow_hash(&key));
	list_push_back(flows_like(share, flow), &flow->node);
	return flow;
}

/* An empty flow goes: sites are many and most are seen once. */
static void flow_shrink(struct share *share, struct flow *flow)
{
	if (--flow->count > 0)
		return;
	list_remove(&flow->node);
	map_remove(&share->by_flow, &flow->by_key);
	free(flow);
}

static void enter_ready(struct provider_queue *q, struct job *job, bool at_head)
{
	struct flow *flow = flow_of(job->share, job);
	if (at_head)
		list_push_front(&flow->ready, &job->node);
	else
		list_push_back(&flow->ready, &job->node);
	flow->count++;
	job->step = JOB_READY;
	job->share->ready_count++;
	q->ready_count++;
	q->draft_count++;
	job->share->draft_count++;
	count_preferring(q, job, 1);
	count_preferring_drafts(q, job, 1);
}

static void leave_ready(struct provider_queue *q, struct job *job)
{
	struct flow *flow = flow_find(job->share, job->site, job->preferred_source);
	must(flow != NULL);
	q->draft_count--;
	job->share->draft_count--;
	count_preferring(q, job, -1);
	count_preferring_drafts(q, job, -1);
	list_remove(&job->node);
	flow_shrink(job->share, flow);
	job->share->ready_count--;
	q->ready_count--;
}

/* From any step between queued and ready. */
static void leave_ahead(struct provider_queue *q, struct job *job)
{
	bool has_draft = job->step == JOB_COMPOSING;
	list_remove(&job->node);
	q->credited_count -= job->step == JOB_CREDITED;
	q->draft_count -= has_draft;
	job->share->draft_count -= has_draft;
	count_preferring_drafts(q, job, has_draft ? -1 : 0);
	job->share->ahead_count--;
	q->ahead_count--;
	count_preferring(q, job, -1);
}

void provider_queue_ready(struct provider_queue *q, struct job *job, bool keeps_preference)
{
	must(job->step == JOB_COMPOSING);
	leave_ahead(q, job);
	if (!keeps_preference)
		job->preferred_source = 0;
	enter_ready(q, job, false);
}

static bool is_reached(const struct flow *flow, const struct pick *p)
{
	return p->reaches == NULL || p->reaches(flow->site, p->context);
}

/* The flow of the share that p could send from: who waits for p's source goes first, nobody else
 * takes them; flows in their order. */
static struct flow *first_flow(const struct share *share, const struct pick *p)
{
	if (p->site != NULL) {
		struct flow *own = flow_find(share, p->site, p->source);
		return own ? own : flow_find(share, p->site, 0);
	}
	LIST_EACH (it, &share->preferring) {
		struct flow *flow = LIST_ITEM(it, struct flow, node);
		if (flow->source == p->source && is_reached(flow, p))
			return flow;
	}
	LIST_EACH (it, &share->flows) {
		struct flow *flow = LIST_ITEM(it, struct flow, node);
		if (is_reached(flow, p))
			return flow;
	}
	return NULL;
}

static bool has_pick(const struct share *share, const struct pick *p)
{
	if (share->ready_count == 0)
		return false;
	const struct job *job = first_in(first_flow(share, p));
	return job != NULL && (p->allows == NULL || p->allows(job, p->context));
}

struct job *provider_queue_pick(struct provider_queue *q, const struct pick *p)
{
	if (q->ready_count == 0)
		return NULL;
	bool is_round_robin = ++q->turn % ROUND_ROBIN_EVERY == 0;
	struct share *share = next_share(q, p, has_pick, is_round_robin);
	if (share == NULL)
		return NULL;
	if (is_round_robin)
		rotate(&q->shares, &share->node);
	struct job *job = first_in(first_flow(share, p));
	leave_ready(q, job);
	job->step = JOB_TAKEN;
	share->taken_count++;
	q->taken_count++;
	return job;
}

/* Ready jobs of the share at this site that the source may take. */
static size_t count_at(const struct share *share, const struct site *site, uint32_t source)
{
	const struct flow *any = flow_find(share, site, 0);
	const struct flow *own = source != 0 ? flow_find(share, site, source) : NULL;
	return (any ? any->count : 0) + (own ? own->count : 0);
}

struct site *provider_queue_site(struct provider_queue *q, const struct pick *p, size_t *ready_out)
{
	struct pick any = *p;
	any.site = NULL;
	struct share *share = q->ready_count ? next_share(q, &any, has_pick, false) : NULL;
	if (share == NULL)
		return NULL;
	struct flow *flow = first_flow(share, &any);
	*ready_out = count_at(share, flow->site, p->source);
	/* Another site's turn next time. */
	rotate(flows_like(share, flow), &flow->node);
	return flow->site;
}

size_t provider_queue_count(const struct provider_queue *q, const struct pick *p, size_t limit)
{
	size_t count = 0;
	LIST_EACH (it, &q->shares) {
		const struct share *share = LIST_ITEM(it, struct share, node);
		const struct job *job = first_in(first_flow(share, p));
		if (job == NULL || (p->allows != NULL && !p->allows(job, p->context)))
			continue;
		count += count_at(share, p->site, p->source);
		if (count >= limit)
			break;
	}
	return count;
}

static void unprefer_flow(struct provider_queue *q, struct flow *flow, job_filter drops,
			  void *context)
{
	size_t count = flow->count; /* the last job that goes takes the flow along */
	struct list *it = list_first(&flow->ready);
	for (size_t i = 0; i < count; i++) {
		struct job *job = LIST_ITEM(it, struct job, node);
		it = it->next;
		if (!drops(job, context))
			continue;
		leave_ready(q, job);
		job->preferred_source = 0;
		enter_ready(q, job, true);
	}
}

void provider_queue_unprefer(struct provider_queue *q, job_filter drops, void *context)
{
	if (q->preferring_count == 0)
		return;
	LIST_EACH (it, &q->shares) {
		struct share *share = LIST_ITEM(it, struct share, node);
		LIST_EACH (flow, &share->preferring)
			unprefer_flow(q, LIST_ITEM(flow, struct flow, node), drops, context);
	}
}

void provider_queue_untake(struct provider_queue *q, struct job *job)
{
	must(job->step == JOB_TAKEN);
	job->share->taken_count--;
	q->taken_count--;
	list_init(&job->node);
	enter_ready(q, job, true);
}

void provider_queue_remove(struct provider_queue *q, struct job *job)
{
	struct share *share = job->share;
	switch (job->step) {
	case JOB_OUTSIDE:
		return;
	case JOB_QUEUED:
		list_remove(&job->node);
		share->queued_count--;
		q->queued_count--;
		break;
	case JOB_AHEAD:
	case JOB_CREDITED:
	case JOB_COMPOSING:
		leave_ahead(q, job);
		break;
	case JOB_READY:
		leave_ready(q, job);
		break;
	case JOB_TAKEN:
		share->taken_count--;
		q->taken_count--;
		break;
	}
	depart(q, job);
	job->step = JOB_OUTSIDE;
	job->share = NULL;
	list_init(&job->node);
	if (share->is_over && share_total(share) == 0)
		share_free(share);
}

static void recall_job(struct provider_queue *q, struct job *job, struct list *out)
{
	provider_queue_remove(q, job);
	list_push_back(out, &job->node);
}

void provider_queue_recall(struct provider_queue *q, job_filter wants, void *context,
			   struct list *out)
{
	LIST_EACH (it, &q->arrivals) {
		struct job *job = LIST_ITEM(it, struct job, arrival);
		if (job->step != JOB_TAKEN && (wants == NULL || wants(job, context)))
			recall_job(q, job, out);
	}
}

void provider_queue_recall_overdue(struct provider_queue *q, int64_t before_ms, job_filter wants,
				   void *context, struct list *out)
{
	LIST_EACH (it, &q->arrivals) {
		struct job *job = LIST_ITEM(it, struct job, arrival);
		if (job->queued_at_ms >= before_ms)
			break;
		if (job->step != JOB_TAKEN && (wants == NULL || wants(job, context)))
			recall_job(q, job, out);
	}
}

void provider_queue_recall_site(struct provider_queue *q, const struct site *site,
				int64_t before_ms, struct list *out)
{
	struct line *line = line_find(q, site);
	size_t count = line ? line->count : 0; /* the last job that goes takes the line along */
	struct list *it = line ? list_first(&line->jobs) : NULL;
	for (size_t i = 0; i < count; i++) {
		struct job *job = LIST_ITEM(it, struct job, in_line);
		it = it->next;
		if (job->queued_at_ms >= before_ms)
			break;
		if (job->step != JOB_TAKEN)
			recall_job(q, job, out);
	}
}

bool provider_queue_has_site(const struct provider_queue *q, const struct site *site)
{
	return line_find(q, site) != NULL;
}

void provider_queue_forget(struct provider_queue *q, int32_t campaign)
{
	LIST_EACH (it, &q->shares) {
		struct share *share = LIST_ITEM(it, struct share, node);
		if (share->owner.campaign != campaign)
			continue;
		share->is_over = true;
		if (share_total(share) == 0)
			share_free(share);
	}
}

size_t provider_queue_total(const struct provider_queue *q)
{
	return q->queued_count + q->ahead_count + q->ready_count + q->taken_count;
}
