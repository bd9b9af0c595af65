/* SPDX-License-Identifier: MIT */
/*
 * The queue of one provider: fair shares of campaigns, ready jobs by site. See provider_queue.h.
 * Pure; runs on the worker that owns the provider, and in the simulator.
 */
#include "scheduler/plan/provider_queue.h"

#include <stdlib.h>

/* One pick in this many is round robin; the others go to whoever has sent least. */
#define ROUND_ROBIN_EVERY 4u
/* How far a pick looks past jobs that wait for another source. */
#define PREFERENCE_SCAN 16

struct flow {
	struct list node;	 /* share.flows while it has ready jobs */
	struct map_node by_site; /* share.by_site */
	struct site *site;
	struct list ready; /* struct job, FIFO */
	size_t count;
};

typedef bool (*share_has)(const struct share *share, const struct pick *p);

void provider_queue_init(struct provider_queue *q)
{
	*q = (struct provider_queue){0};
	list_init(&q->shares);
}

static void share_free(struct share *share)
{
	list_remove(&share->node);
	map_done(&share->by_site);
	free(share);
}

void provider_queue_done(struct provider_queue *q)
{
	must(provider_queue_total(q) == 0);
	LIST_EACH (it, &q->shares)
		share_free(LIST_ITEM(it, struct share, node));
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
			return share;
		}
	}
	struct share *share = xcalloc(1, sizeof(*share));
	list_init(&share->node);
	list_init(&share->queued);
	list_init(&share->ahead);
	list_init(&share->flows);
	map_init(&share->by_site);
	share->owner = owner;
	share_rejoin(q, share);
	list_push_back(&q->shares, &share->node);
	return share;
}

void provider_queue_offer(struct provider_queue *q, struct share_owner owner, struct job *job)
{
	must(job->step == JOB_OUTSIDE);
	job->share = share_of(q, owner);
	job->step = JOB_QUEUED;
	list_init(&job->node);
	list_push_back(&job->share->queued, &job->node);
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

static bool has_queued(const struct share *share, const struct pick *p)
{
	(void)p;
	return share->queued_count > 0;
}

struct job *provider_queue_ahead(struct provider_queue *q)
{
	if (q->queued_count == 0)
		return NULL;
	bool is_round_robin = ++q->turn % ROUND_ROBIN_EVERY == 0;
	struct share *share = next_share(q, NULL, has_queued, is_round_robin);
	if (is_round_robin)
		rotate(&q->shares, &share->node);
	struct job *job = LIST_ITEM(list_pop_front(&share->queued), struct job, node);
	job->step = JOB_AHEAD;
	list_push_back(&share->ahead, &job->node);
	share->queued_count--;
	share->ahead_count++;
	q->queued_count--;
	q->ahead_count++;
	/* What is ahead counts as sent, or a fast queue would fill the window with one campaign. */
	share->sent++;
	return job;
}

static struct flow *flow_find(const struct share *share, const struct site *site)
{
	struct map_node *node = map_get(&share->by_site, (uint64_t)(uintptr_t)site, NULL, NULL);
	return node ? CONTAINER_OF(node, struct flow, by_site) : NULL;
}

static struct flow *flow_of(struct share *share, struct site *site)
{
	struct flow *flow = flow_find(share, site);
	if (flow != NULL)
		return flow;
	flow = xcalloc(1, sizeof(*flow));
	list_init(&flow->node);
	list_init(&flow->ready);
	flow->site = site;
	map_put(&share->by_site, &flow->by_site, (uint64_t)(uintptr_t)site);
	list_push_back(&share->flows, &flow->node);
	return flow;
}

/* An empty flow goes: sites are many and most are seen once. */
static void flow_shrink(struct share *share, struct flow *flow)
{
	if (--flow->count > 0)
		return;
	list_remove(&flow->node);
	map_remove(&share->by_site, &flow->by_site);
	free(flow);
}

static void enter_ready(struct provider_queue *q, struct job *job, bool at_head)
{
	struct flow *flow = flow_of(job->share, job->site);
	if (at_head)
		list_push_front(&flow->ready, &job->node);
	else
		list_push_back(&flow->ready, &job->node);
	flow->count++;
	job->step = JOB_READY;
	job->share->ready_count++;
	q->ready_count++;
}

static void leave_ready(struct provider_queue *q, struct job *job)
{
	struct flow *flow = flow_find(job->share, job->site);
	must(flow != NULL);
	list_remove(&job->node);
	flow_shrink(job->share, flow);
	job->share->ready_count--;
	q->ready_count--;
}

void provider_queue_ready(struct provider_queue *q, struct job *job)
{
	must(job->step == JOB_AHEAD);
	list_remove(&job->node);
	job->share->ahead_count--;
	q->ahead_count--;
	enter_ready(q, job, false);
}

static bool waits_for_another_source(const struct job *job, const struct pick *p)
{
	return job->preferred_source != 0 && job->preferred_source != p->source &&
	       p->now_ms < job->prefer_until_ms;
}

static struct job *first_in_flow(const struct flow *flow, const struct pick *p)
{
	int scanned = 0;
	LIST_EACH (it, &flow->ready) {
		struct job *job = LIST_ITEM(it, struct job, node);
		if (!waits_for_another_source(job, p))
			return job;
		if (++scanned == PREFERENCE_SCAN)
			break;
	}
	return NULL;
}

/* The first job of the share that p could send; flows in their order. */
static struct job *first_in_share(const struct share *share, const struct pick *p)
{
	if (p->site != NULL) {
		struct flow *flow = flow_find(share, p->site);
		return flow ? first_in_flow(flow, p) : NULL;
	}
	LIST_EACH (it, &share->flows) {
		struct job *job = first_in_flow(LIST_ITEM(it, struct flow, node), p);
		if (job != NULL)
			return job;
	}
	return NULL;
}

static bool has_pick(const struct share *share, const struct pick *p)
{
	if (share->ready_count == 0)
		return false;
	const struct job *job = first_in_share(share, p);
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
	struct job *job = first_in_share(share, p);
	leave_ready(q, job);
	job->step = JOB_TAKEN;
	share->taken_count++;
	q->taken_count++;
	return job;
}

struct site *provider_queue_site(struct provider_queue *q, const struct pick *p, size_t *ready_out)
{
	struct pick any = *p;
	any.site = NULL;
	struct share *share = q->ready_count ? next_share(q, &any, has_pick, false) : NULL;
	if (share == NULL)
		return NULL;
	struct job *job = first_in_share(share, &any);
	struct flow *flow = flow_find(share, job->site);
	*ready_out = flow->count;
	/* Another site's turn next time. */
	rotate(&share->flows, &flow->node);
	return job->site;
}

size_t provider_queue_count(const struct provider_queue *q, const struct pick *p, size_t limit)
{
	size_t count = 0;
	LIST_EACH (it, &q->shares) {
		const struct share *share = LIST_ITEM(it, struct share, node);
		const struct flow *flow = flow_find(share, p->site);
		const struct job *job = flow ? first_in_flow(flow, p) : NULL;
		if (job == NULL || (p->allows != NULL && !p->allows(job, p->context)))
			continue;
		count += flow->count;
		if (count >= limit)
			break;
	}
	return count;
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
		list_remove(&job->node);
		share->ahead_count--;
		q->ahead_count--;
		break;
	case JOB_READY:
		leave_ready(q, job);
		break;
	case JOB_TAKEN:
		share->taken_count--;
		q->taken_count--;
		break;
	}
	job->step = JOB_OUTSIDE;
	job->share = NULL;
	list_init(&job->node);
}

static void recall_list(struct provider_queue *q, struct list *from, job_filter wants,
			void *context, struct list *out)
{
	LIST_EACH (it, from) {
		struct job *job = LIST_ITEM(it, struct job, node);
		if (wants != NULL && !wants(job, context))
			continue;
		provider_queue_remove(q, job);
		list_push_back(out, &job->node);
	}
}

static void recall_share(struct provider_queue *q, struct share *share, job_filter wants,
			 void *context, struct list *out)
{
	recall_list(q, &share->queued, wants, context, out);
	recall_list(q, &share->ahead, wants, context, out);
	/* Removing a flow's last job frees the flow: gather the ready jobs first. */
	struct list ready;
	list_init(&ready);
	size_t n = share->ready_count;
	for (size_t i = 0; i < n; i++) {
		struct flow *flow = LIST_ITEM(list_first(&share->flows), struct flow, node);
		struct job *job = LIST_ITEM(list_first(&flow->ready), struct job, node);
		leave_ready(q, job);
		list_push_back(&ready, &job->node);
	}
	struct list *node;
	while ((node = list_pop_front(&ready)) != NULL) {
		struct job *job = LIST_ITEM(node, struct job, node);
		if (wants != NULL && !wants(job, context)) {
			enter_ready(q, job, false);
			continue;
		}
		job->step = JOB_OUTSIDE;
		job->share = NULL;
		list_push_back(out, node);
	}
}

void provider_queue_recall(struct provider_queue *q, job_filter wants, void *context,
			   struct list *out)
{
	LIST_EACH (it, &q->shares) {
		struct share *share = LIST_ITEM(it, struct share, node);
		recall_share(q, share, wants, context, out);
	}
}

void provider_queue_forget(struct provider_queue *q, int32_t campaign)
{
	LIST_EACH (it, &q->shares) {
		struct share *share = LIST_ITEM(it, struct share, node);
		if (share->owner.campaign != campaign)
			continue;
		must(share_total(share) == 0);
		share_free(share);
	}
}

size_t provider_queue_total(const struct provider_queue *q)
{
	return q->queued_count + q->ahead_count + q->ready_count + q->taken_count;
}
