/* SPDX-License-Identifier: MIT */
/*
 * How far the jobs of a queue are let ahead of their permits. Credits come with a flush, so they
 * are asked for some flushes ahead; messages take memory, so they are composed just ahead, by
 * queues that go soon, within the node's budget of composed bytes, which queues that found it full
 * take in turn. See worker_private.h.
 */
#include "scheduler/node/worker_private.h"

/* Jobs with a credit, or waiting for it: at least, at most. */
#define WINDOW_MIN 32u
#define WINDOW_MAX 4096u
/* So many jobs are let ahead that wait for a source they prefer, whatever the window is. */
#define PREFERRING_MAX 256u
/* What composing a message, its way through both mailboxes included, may take, and the messages a
 * queue may have composed or in the making at least. */
#define COMPOSE_MS 25
#define DRAFTS_MIN 4u
/* Jobs and messages of campaigns that may not go here now, of all of them. */
#define HELD_AHEAD_MAX 32u
#define HELD_DRAFTS_MAX 4u
/* How long to leave it when the node has composed as many bytes as it may hold: those of other
 * workers leave without our hearing of it. */
#define BYTES_PAUSE_MS 5

/* Jobs for the permits of two periods to come. */
static size_t window_of(const struct worker_queue *q, int64_t period_ms, size_t least)
{
	double ms = (double)period_ms;
	/* The part of the connections that come free within a period. */
	double share = q->transfer_ms > ms ? ms / q->transfer_ms : 1.0;
	double window = 2.0 * (double)q->sessions * share + 2.0 * ms / 1000.0 * q->rate_per_s +
			(double)least;
	return window < WINDOW_MAX ? (size_t)window : WINDOW_MAX;
}

/* ------------------------------------------------------------------------------------- credits */

/* What is held is counted now and then: it may have been more. */
static size_t less(size_t all, size_t held)
{
	return all > held ? all - held : 0;
}

/* Who waits for a source takes nobody's place. */
static struct ahead_room room_ahead(const struct worker_queue *q)
{
	size_t preferring = less(q->jobs.preferring_count, q->jobs.held_preferring);
	size_t taken = preferring + q->jobs.held_ahead;
	size_t all = q->jobs.ahead_count + q->jobs.ready_count;
	size_t others = all > taken ? all - taken : 0;
	int64_t flush_ms = q->worker->options.settings.flush_ms;
	return (struct ahead_room){.any = others < window_of(q, flush_ms, WINDOW_MIN),
				   .preferring = preferring < PREFERRING_MAX,
				   .held = q->jobs.held_ahead < HELD_AHEAD_MAX};
}

static void want_credit(struct worker_queue *q, struct work_job *job)
{
	if (job->has_credit) {
		provider_queue_credit(&q->jobs, &job->plan);
		return;
	}
	job->is_credit_out = true;
	work_letter_send(q->worker->options.control, &job->credit_letter, LETTER_CREDIT, job);
}

/* ----------------------------------------------------------------------------------- composing */

static int64_t soon(const struct worker_queue *q)
{
	return loop_now_ms(q->worker->loop) + (int64_t)2 * COMPOSE_MS;
}

/* A message for a source that does not go would only take memory. */
static bool preferred_goes_soon(const struct job *plan, void *context)
{
	return worker_queue_goes_by(context, plan, soon(context));
}

static struct compose_room room_to_compose(struct worker_queue *q)
{
	size_t preferring = less(q->jobs.preferring_drafts, q->jobs.held_preferring_drafts);
	size_t taken = preferring + q->jobs.held_drafts;
	size_t others = q->jobs.draft_count > taken ? q->jobs.draft_count - taken : 0;
	size_t window = window_of(q, COMPOSE_MS, DRAFTS_MIN);
	return (struct compose_room){.any = others < window,
				     .preferring = preferring < window,
				     .held = q->jobs.held_drafts < HELD_DRAFTS_MAX,
				     .goes_soon = preferred_goes_soon,
				     .context = q};
}

/* Will a message of the queue leave soon? Else it is asked again shortly before it could. */
static bool goes_soon(struct worker_queue *q)
{
	int64_t at = worker_queue_next_ms(q, NULL, loop_now_ms(q->worker->loop));
	if (!worker_has_seat(q))
		return false;
	if (at == LIMITER_ON_EVENT || at <= soon(q))
		return true;
	worker_queue_note_short(q);
	worker_queue_wake(q, at - COMPOSE_MS);
	return false;
}

static bool is_budget_full(const struct worker *w)
{
	return composers_bytes(w->options.composers) >= w->options.settings.compose_budget;
}

static void look_again(struct worker *w)
{
	if (!timer_is_set(&w->bytes_timer))
		timer_set(w->loop, &w->bytes_timer, loop_now_ms(w->loop) + BYTES_PAUSE_MS);
}

static void wait_for_bytes(struct worker_queue *q)
{
	if (list_is_empty(&q->waits_bytes))
		list_push_back(&q->worker->waiting_bytes, &q->waits_bytes);
	look_again(q->worker);
}

static void compose_ahead(struct worker_queue *q)
{
	struct worker *w = q->worker;
	while (q->jobs.credited_count > 0) {
		if (is_budget_full(w)) {
			wait_for_bytes(q);
			return;
		}
		struct job *plan = provider_queue_compose(&q->jobs, room_to_compose(q));
		if (plan == NULL)
			return;
		composers_offer(w->options.composers, CONTAINER_OF(plan, struct work_job, plan),
				w->inbox);
	}
}

/* Not in every pump: what it finds is good enough for as long as a message takes to compose. */
static void hold_campaigns(struct worker_queue *q)
{
	int64_t now = loop_now_ms(q->worker->loop);
	if (now < q->held_ms + COMPOSE_MS)
		return;
	q->held_ms = now;
	provider_queue_hold(&q->jobs, worker_queue_campaign_goes, q);
}

void worker_queue_let_ahead(struct worker_queue *q)
{
	struct job *plan;
	hold_campaigns(q);
	while ((plan = provider_queue_ahead(&q->jobs, room_ahead(q))) != NULL)
		want_credit(q, CONTAINER_OF(plan, struct work_job, plan));
	if (q->jobs.credited_count > 0 && goes_soon(q))
		compose_ahead(q);
}

void worker_share_bytes(struct worker *w)
{
	struct list *node;
	while (!is_budget_full(w) && (node = list_pop_front(&w->waiting_bytes)) != NULL)
		worker_queue_pump(CONTAINER_OF(node, struct worker_queue, waits_bytes));
	if (!list_is_empty(&w->waiting_bytes))
		look_again(w);
}
