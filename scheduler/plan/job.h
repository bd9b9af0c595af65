/* SPDX-License-Identifier: MIT */
/*
 * A job: one recipient on its way through a node, as the planner sees it. The node embeds it in a
 * bigger struct; plan/ never looks outside this one.
 *
 * Steps: queued → ahead (waits for its credit) → credited (waits for its turn to be composed) →
 * composing → ready → taken (handed to a session). Credits are asked for far ahead, as they come
 * with a flush; messages are composed just ahead of the permits, as their bytes are dear. Being on
 * a list is the step; the step field says which list.
 */
#ifndef EDM_SCHEDULER_PLAN_JOB_H
#define EDM_SCHEDULER_PLAN_JOB_H

#include <stdint.h>

#include "engine/base/list.h"

enum job_step {
	JOB_OUTSIDE,
	JOB_QUEUED,
	JOB_AHEAD,
	JOB_CREDITED,
	JOB_COMPOSING,
	JOB_READY,
	JOB_TAKEN
};

struct share;
struct site;

struct job {
	struct list node;    /* the list of its step: of the share, the queue or the flow */
	struct list arrival; /* provider_queue.arrivals, unless outside */
	struct list in_line; /* its site's line, unless outside */
	enum job_step step;
	struct share *share;	   /* its campaign at its provider queue; NULL while outside */
	struct site *site;	   /* where it goes: hosts to dial; owned by the node */
	uint32_t preferred_source; /* greylisting: the source that was told to come back; 0 = any */
	int64_t prefer_until_ms;   /* after this any source will do */
	int64_t queued_at_ms;	   /* when it was offered, for park_ms and delays= */
};

#endif
