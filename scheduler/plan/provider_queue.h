/* SPDX-License-Identifier: MIT */
/*
 * The queue of one provider (or of one tail site) on its worker. Pure: jobs in, choices out.
 *
 * Terms: a **share** is one campaign's part of the queue; a **flow** is a share's ready jobs for
 * one site (a session can only carry jobs of the site it is connected to) and one preferred source,
 * or none; a **line** is all jobs of a site, in order of arrival.
 *
 * Who goes next: strictly the highest priority; among equals three picks of four go to the campaign
 * that has sent least here and every fourth goes round robin, so that a small campaign that starts
 * late is soon done, yet nobody is starved. A share that comes (back) with work may not catch up on
 * all that the others sent meanwhile: it starts at most a fixed head start below the least of them.
 *
 * A job that prefers a source waits in lists of its own, so it is in nobody's way; whoever knows
 * that the source will not go takes the preference from it (provider_queue_unprefer).
 *
 * What is let ahead waits for its credit and then for its turn to be composed, where whoever goes
 * next goes first again: a high priority does not wait behind what was credited before it.
 *
 * A share is held while its campaign may not go here at all (a limit of its own, no source of its
 * pool): it takes nobody's place. provider_queue_hold finds out; what held shares have ahead counts
 * apart, so a window is for those that go.
 *
 * Invariants: queued + ahead + ready + taken = jobs offered and not yet finished or removed; a job
 * is on exactly one list. One thread.
 */
#ifndef EDM_SCHEDULER_PLAN_PROVIDER_QUEUE_H
#define EDM_SCHEDULER_PLAN_PROVIDER_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/map.h"
#include "scheduler/plan/job.h"

struct share_owner {
	int32_t campaign; /* campaign id */
	int32_t priority; /* higher goes first */
};

struct share {
	struct list node; /* provider_queue.shares; rotated by round robin */
	struct share_owner owner;
	struct list queued;	      /* struct job that any source may take, FIFO */
	struct list patient;	      /* struct job, queued and preferring a source, FIFO */
	struct list credited;	      /* struct job to be composed that any source may take, FIFO */
	struct list credited_patient; /* the same of those that prefer a source */
	struct list flows;	      /* struct flow with ready jobs for any source; rotated */
	struct list preferring;	      /* struct flow whose jobs prefer a source; rotated */
	struct map by_flow;	      /* struct flow by site pointer and preferred source */
	size_t queued_count, ahead_count, ready_count, taken_count; /* ahead: until it is ready */
	size_t draft_count;					    /* composing and ready */
	size_t preferring_count;  /* of those ahead and ready, who prefers a source */
	size_t preferring_drafts; /* of the drafts likewise */
	uint64_t sent;		  /* jobs let ahead here, the measure of "has sent least" */
	bool is_over;		  /* goes with its last job */
	bool is_held;		  /* as provider_queue_hold found it */
};

struct provider_queue {
	struct list shares;
	struct list arrivals;  /* struct job (arrival) of every step but outside, as they came */
	struct map lines;      /* struct line by site pointer */
	struct list ahead;     /* struct job, waiting for its credit */
	struct list composing; /* struct job */
	size_t queued_count, ahead_count, ready_count, taken_count;
	size_t credited_count;	       /* of those ahead: to be composed */
	size_t preferring_count;       /* of those ahead and ready, who prefers a source */
	size_t draft_count;	       /* composing and ready: messages that take memory */
	size_t preferring_drafts;      /* of them, those that prefer a source */
	size_t held_ahead;	       /* ahead and ready of shares that are held */
	size_t held_drafts;	       /* of them, composing and ready */
	size_t held_preferring;	       /* of held_ahead, who prefers a source */
	size_t held_preferring_drafts; /* of held_drafts likewise */
	unsigned turn;		       /* counts picks, for the one in four */
};

/* May the campaign of this job send over this source now? Asked with one job for all of its share:
 * for pool membership, pauses, campaign limits. */
typedef bool (*pick_allows)(const struct job *job, void *context);

/* Can a connection to this site be opened now? */
typedef bool (*pick_reaches)(const struct site *site, void *context);

struct pick {
	const struct site *site; /* only jobs of this site; NULL = any */
	uint32_t source;	 /* the session's source id */
	pick_allows allows;	 /* NULL = everybody */
	pick_reaches reaches;	 /* asked when site is NULL; NULL = every site */
	void *context;
};

/* Says yes to some jobs. */
typedef bool (*job_filter)(const struct job *job, void *context);

void provider_queue_init(struct provider_queue *q);
/* Must hold no jobs any more. */
void provider_queue_done(struct provider_queue *q);
/* Adds a job that is outside, at the end of its campaign's share; queued_at_ms never goes back. */
void provider_queue_offer(struct provider_queue *q, struct share_owner owner, struct job *job);
/* Which are wanted: jobs that any source may take, and jobs that prefer one. */
struct ahead_room {
	bool any, preferring;
	bool held; /* of shares that are held, whoever they prefer */
};
/* Asks once for each share with jobs whether it goes; when it is the only one, it does. */
void provider_queue_hold(struct provider_queue *q, pick_allows goes, void *context);
/* The next job that needs its credit, moved from queued to ahead; NULL = none for room. */
struct job *provider_queue_ahead(struct provider_queue *q, struct ahead_room room);
/* ahead → credited: its credit has come, or it had one. */
void provider_queue_credit(struct provider_queue *q, struct job *job);
/* Likewise for composing; of those that prefer a source the ones goes_soon says yes to. */
struct compose_room {
	bool any, preferring, held;
	job_filter goes_soon;
	void *context;
};
/* The next job to compose, moved from credited to composing; NULL = none for room. */
struct job *provider_queue_compose(struct provider_queue *q, struct compose_room room);
/* composing → ready; its preference is dropped unless it still holds. */
void provider_queue_ready(struct provider_queue *q, struct job *job, bool keeps_preference);
/* The ready job to send now under p, moved to taken and counted as sent; NULL = none fits. */
struct job *provider_queue_pick(struct provider_queue *q, const struct pick *p);
/* The site of some ready job that p allows (p->site is ignored), for opening a connection, and how
 * many ready jobs of that site there are; NULL = none. */
struct site *provider_queue_site(struct provider_queue *q, const struct pick *p, size_t *ready_out);
/* How many ready jobs p allows for p->site; stops counting at limit. */
size_t provider_queue_count(const struct provider_queue *q, const struct pick *p, size_t limit);
/* taken → ready again, at the head: the session was lost before MAIL. */
void provider_queue_untake(struct provider_queue *q, struct job *job);
/* Takes the job out, whatever its step. It is outside afterwards. */
void provider_queue_remove(struct provider_queue *q, struct job *job);
/* Moves every job not taken that the filter wants to out (list of struct job, all outside). */
void provider_queue_recall(struct provider_queue *q, job_filter wants, void *context,
			   struct list *out);
/* The same with those offered before before_ms, the oldest first: of all sites that the filter
 * wants, or of one. Looks at none that came later. */
void provider_queue_recall_overdue(struct provider_queue *q, int64_t before_ms, job_filter wants,
				   void *context, struct list *out);
void provider_queue_recall_site(struct provider_queue *q, const struct site *site,
				int64_t before_ms, struct list *out);
/* Is there a job for the site, in any step? */
bool provider_queue_has_site(const struct provider_queue *q, const struct site *site);
/* Ready jobs whose preference the filter drops go by any source from now on, before the others. */
void provider_queue_unprefer(struct provider_queue *q, job_filter drops, void *context);
/* Some job of the share that waits here, ready or not; NULL = none. */
const struct job *provider_queue_sample(const struct share *share);
/* The campaign leaves: its share is dropped, at once or with its last job; it may come again. */
void provider_queue_forget(struct provider_queue *q, int32_t campaign);
/* Jobs in any step. */
size_t provider_queue_total(const struct provider_queue *q);

#endif
