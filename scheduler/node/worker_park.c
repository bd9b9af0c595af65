/* SPDX-License-Identifier: MIT */
/*
 * Who waited too long in a provider's queue leaves it: for the retry table, for another site of the
 * domain, or settled when nobody answers at the last one. See worker_private.h. Costs what it
 * moves, however many wait.
 */
#include <stdio.h>

#include "scheduler/node/worker_private.h"

/* Parked people come back after this at the latest. */
#define PARK_MOST_MS 300000

/* Settled without an attempt: it counts towards give-up, so a campaign to a site that is dead, or
 * that blocks us, ends, too. */
static void settle_untried(struct worker_queue *q, struct work_job *job,
			   const struct outcome *outcome, const char *host)
{
	struct worker *w = q->worker;
	struct work_result *r = work_job_result(job, outcome);
	snprintf(r->host, sizeof(r->host), "%s", host);
	r->at_us = worker_wall_us(w, loop_now_ms(w->loop));
	r->asked_us = worker_wall_us(w, job->due_ms);
	work_job_decide(job, &w->options.settings.settle);
	worker_settle(w, job);
}

/* Nobody answers at their site. */
static void park_unreached(struct worker_queue *q, struct work_job *job)
{
	const struct site *site = job->plan.site;
	char text[WORK_TEXT_MAX];
	snprintf(text, sizeof(text), "no host of the site can be connected to: %s: %s",
		 site->last_host, site->last_text);
	struct outcome outcome = {
		.words = OUTCOME_WORDS_TCP,
		.stage = STAGE_CONNECT,
		.text = str_from(text),
		.verdict = {.klass = OUTCOME_UNREACHED,
			    .cause = CAUSE_CONNECT_FAILED,
			    .scope = SCOPE_SITE,
			    .rule = ""},
	};
	worker_queue_parked(q, job->plan.site, job->due_ms);
	settle_untried(q, job, &outcome, site->last_host);
}

/* The receiver blocks every source of theirs. People of the queue's own group wait in their chunk,
 * whose node counts the time, until it is too long; the others wait in the retry table. */
static bool is_refused(const struct worker_queue *q, const struct work_job *job, int64_t now)
{
	struct str pool = worker_pool_of(job->campaign);
	if (q->block.verdict.klass != OUTCOME_BLOCKED || !worker_queue_is_refused(q, pool, now))
		return false;
	int64_t age_ms = (int64_t)job->lease->people[job->position].age_s * 1000;
	return !job->is_of_group || age_ms >= job->campaign->give_up_after_ms;
}

static void leave(struct worker_queue *q, struct list *leaving, int64_t due_ms)
{
	int64_t now = loop_now_ms(q->worker->loop);
	struct list *node;
	while ((node = list_pop_front(leaving)) != NULL) {
		struct work_job *job =
			CONTAINER_OF(LIST_ITEM(node, struct job, node), struct work_job, plan);
		bool is_dead = site_is_dead(job->plan.site);
		job->due_ms = due_ms;
		if (is_dead && job->has_other_site)
			worker_return(q->worker, job, RETURNED_ELSEWHERE);
		else if (is_dead)
			park_unreached(q, job);
		else if (is_refused(q, job, now))
			settle_untried(q, job, &q->block, q->block_host);
		else
			worker_return(q->worker, job, RETURNED_PARKED);
	}
}

/* Whoever waits for a dead site comes back after as long as it has been dead. */
static void leave_dead_sites(struct worker_queue *q, int64_t now)
{
	int64_t park_ms = q->worker->options.settings.park_ms;
	struct list leaving;
	list_init(&leaving);
	LIST_EACH (it, &q->dead_sites) {
		struct site *site = LIST_ITEM(it, struct site, dead);
		int64_t wait_ms = now - site->dead_since_ms;
		if (!site_is_dead(site)) {
			worker_queue_site_lives(q, site);
			continue;
		}
		if (!provider_queue_has_site(&q->jobs, site)) {
			worker_queue_forget_dead(site);
			continue;
		}
		wait_ms = wait_ms < park_ms ? park_ms : wait_ms;
		wait_ms = wait_ms < PARK_MOST_MS ? wait_ms : PARK_MOST_MS;
		provider_queue_recall_site(&q->jobs, site, now - park_ms, &leaving);
		leave(q, &leaving, now + wait_ms);
	}
}

/* Whose campaigns go by one pool, or, pool NULL, by one that has no source here. */
struct goers {
	const struct worker_queue *q;
	const struct str *pool;
};

static bool has_source(const struct worker_queue *q, struct str pool)
{
	for (size_t i = 0; i < q->source_count; i++)
		if (str_equals(q->sources[i]->pool, pool))
			return true;
	return false;
}

static bool is_goer(const struct job *plan, void *context)
{
	const struct goers *g = context;
	struct str pool = worker_pool_of(CONTAINER_OF(plan, struct work_job, plan)->campaign);
	return g->pool != NULL ? str_equals(pool, *g->pool) : !has_source(g->q, pool);
}

/* A share is of one campaign, and so of one pool: where nobody goes by it, nobody is looked at. */
static bool has_any(const struct worker_queue *q, struct goers *goers)
{
	LIST_EACH (it, &q->jobs.shares) {
		const struct job *job = provider_queue_sample(LIST_ITEM(it, struct share, node));
		if (job != NULL && is_goer(job, goers))
			return true;
	}
	return false;
}

/* next: when its lanes go. */
static void park_pool(struct worker_queue *q, const struct str *pool, int64_t next, int64_t now)
{
	int64_t park_ms = q->worker->options.settings.park_ms;
	struct goers goers = {q, pool};
	struct list leaving;
	list_init(&leaving);
	if (next - now <= park_ms || !has_any(q, &goers))
		return;
	if (next == LIMITER_ON_EVENT) {
		/* A pause without an end, or an event nobody can date. */
		provider_queue_recall_overdue(&q->jobs, now - park_ms, is_goer, &goers, &leaving);
		next = now + park_ms;
	} else {
		provider_queue_recall(&q->jobs, is_goer, &goers, &leaving);
		next = next < now + PARK_MOST_MS ? next : now + PARK_MOST_MS;
	}
	leave(q, &leaving, next);
}

void worker_queue_park(struct worker_queue *q, int64_t now)
{
	leave_dead_sites(q, now);
	for (size_t i = 0; i < q->source_count; i++) {
		const struct str *pool = &q->sources[i]->pool;
		if (worker_queue_begins_pool(q, i))
			park_pool(q, pool, worker_queue_next_ms(q, pool, now), now);
	}
	park_pool(q, NULL, LIMITER_ON_EVENT, now);
}
