/* SPDX-License-Identifier: MIT */
/*
 * doctor: is this machine fit to send? Looks, and changes nothing but a file it removes again.
 *
 * Each finding is one check, how bad it is, and one sentence that says what is and, unless all is
 * well, what to do. fail: mail will not leave, or not safely; warn: it will, but worse than it
 * could. Blocking (the DNS checks run a loop of their own); for the command line.
 */
#ifndef EDM_SCHEDULER_SETUP_DOCTOR_H
#define EDM_SCHEDULER_SETUP_DOCTOR_H

#include <jansson.h>

#include "engine/base/arena.h"
#include "engine/base/conf.h"
#include "scheduler/setup/place.h"

/* X(suffix, name in output), the least bad first */
#define DOCTOR_LEVELS(X)                                                                           \
	X(OK, "ok")                                                                                \
	X(WARN, "warn")                                                                            \
	X(FAIL, "fail")

enum doctor_level {
#define X(suffix, name) DOCTOR_##suffix,
	DOCTOR_LEVELS(X)
#undef X
};

#define DOCTOR_FINDINGS_MAX 512

struct doctor_finding {
	enum doctor_level level;
	const char *check; /* "database", "source mx1", … */
	const char *text;  /* the sentence */
};

struct doctor_report {
	struct arena arena; /* of the texts */
	size_t count;
	struct doctor_finding findings[DOCTOR_FINDINGS_MAX]; /* in the order checked */
};

struct doctor_options {
	const struct place *place;
	const struct conf *settings; /* the table of scheduler/settings */
	const char *node_name;	     /* whose sources are looked at; "" = all */
};

/* Does all checks. The report is the caller's, to be ended with doctor_done. */
void doctor_run(const struct doctor_options *options, struct doctor_report *out);
void doctor_done(struct doctor_report *report);
/* The worst of all findings. */
enum doctor_level doctor_worst(const struct doctor_report *report);
/* "ok", "warn", "fail"; a constant. */
const char *doctor_level_name(enum doctor_level level);
/* {"level": …, "findings": [{"level": …, "check": …, "text": …}]}; a new reference. */
json_t *doctor_json(const struct doctor_report *report);

#endif
