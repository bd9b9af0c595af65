/* SPDX-License-Identifier: MIT */
/*
 * A job: one recipient on its way through a node, as the planner sees it. The node embeds it in a
 * bigger struct; plan/ never looks outside this one.
 *
 * Steps: queued → ahead (being composed and waiting for its credit) → ready → taken (handed to a
 * session). Being on a list is the step; the step field says which list.
 */
#ifndef EDM_SCHEDULER_PLAN_JOB_H
#define EDM_SCHEDULER_PLAN_JOB_H

#include <stdint.h>

#include "engine/base/list.h"

enum job_step { JOB_OUTSIDE, JOB_QUEUED, JOB_AHEAD, JOB_READY, JOB_TAKEN };

struct share;
struct site;

struct job {
	struct list node;    /* the share's queued or ahead list, or the flow's ready list */
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
