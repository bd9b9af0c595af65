/* SPDX-License-Identifier: MIT */
/*
 * Refusals (bounced, rejected, blocked) by cause and by provider, source, campaign and hour, with
 * samples of what servers said, what that means and what to do. Numbers come from the counters
 * alone; for samples a bounded part of the outcomes is read. A refusal is an attempt: an address
 * that was blocked twice and then taken counts twice as blocked. Blocking; for the command line.
 */
#ifndef EDM_SCHEDULER_REPORT_BOUNCES_H
#define EDM_SCHEDULER_REPORT_BOUNCES_H

#include "scheduler/report/document.h"

/* X(name): what refusals may be grouped by. */
#define BOUNCES_BY(X) X("cause") X("provider") X("source") X("campaign") X("hour")
#define BOUNCES_SAMPLES_MAX 20

struct bounces_request {
	const char *campaign; /* NULL = all that are not hidden */
	const char *by;	      /* some of BOUNCES_BY, with commas between */
	int64_t last_ms;      /* 0 = since ever */
	int samples;	      /* of each cause at most */
	enum language language;
};

/* The document of `report bounces`. ERR_USAGE for another by, ERR_NOT_FOUND. */
json_t *bounces_load(struct pg_blocking *db, const struct bounces_request *request,
		     struct err *err) NODISCARD;

#endif
