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

/* The receiver blocks every source. People of the queue's own group wait in their chunk, whose node
 * counts the time, until it is too long; the others wait in the retry table. */
static bool is_refused(const struct worker_queue *q, const struct work_job *job, int64_t now)
{
	if (q->block.verdict.klass != OUTCOME_BLOCKED || !worker_queue_is_refused(q, now))
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

void worker_queue_park(struct worker_queue *q, int64_t now)
{
	int64_t park_ms = q->worker->options.settings.park_ms;
	int64_t next = worker_queue_next_ms(q, now);
	struct list leaving;
	list_init(&leaving);
	leave_dead_sites(q, now);
	if (next == LIMITER_ON_EVENT) {
		/* A pause without an end, or an event nobody can date. */
		provider_queue_recall_overdue(&q->jobs, now - park_ms, &leaving);
		next = now + park_ms;
	} else if (next - now > park_ms) {
		provider_queue_recall(&q->jobs, NULL, NULL, &leaving);
		next = next < now + PARK_MOST_MS ? next : now + PARK_MOST_MS;
	}
	leave(q, &leaving, next);
}
