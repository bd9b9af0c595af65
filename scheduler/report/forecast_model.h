/* SPDX-License-Identifier: MIT */
/*
 * The model of a forecast (scheduler/plan/forecast.h), made of what is stored: sources, limits,
 * pauses and what lanes have learnt; who is left at each queue; what was sent lately and what came
 * of it. No I/O. Times are monotonic milliseconds of who loaded the pool.
 */
#ifndef EDM_SCHEDULER_REPORT_FORECAST_MODEL_H
#define EDM_SCHEDULER_REPORT_FORECAST_MODEL_H

#include "engine/base/arena.h"
#include "ip-pool/store/lane_store.h"
#include "scheduler/campaign/hours.h"
#include "scheduler/plan/forecast.h"

/* The queue of the sites without a provider that have none of their own. */
#define FORECAST_TAIL "tail"

struct forecast_job {
	int64_t campaign; /* id */
	int priority;
	struct str pool;     /* empty: the default one */
	struct str domain;   /* sending domain */
	int64_t starts_ms;   /* now, or later, or FORECAST_NEVER */
	int64_t began_ms;    /* it was at work since; FORECAST_NEVER: it is not */
	int64_t deadline_ms; /* LIMIT_FOREVER: none */
	int64_t give_up_ms;
	struct sending_hours hours;
	double per_s;  /* results a second now, as nodes say; 0: not known */
	double people; /* in all */
};

/* People left of a job (its index). Several rows of a crowd are added up. */
struct forecast_people {
	size_t job;
	struct str queue;
	int attempts; /* made; 0: fresh, whatever due_ms */
	int64_t due_ms;
	double people;
};

/* What came of tries at a queue, first and later ones, of those who are sent to now or were
 * before. */
struct forecast_seen {
	struct str queue;
	double tries[2], deferred[2], throttled[2];
	double service_ms;    /* mean of a message that is not put off; 0: not known */
	double put_off_ms;    /* of one that is; 0: not known */
	int64_t throttled_ms; /* how long who was throttled waits; 0: not known */
	double sites;	      /* of the tail; else 0 */
};

/* An operator's limit, of one number, or a pause that held for a part of the last hour and holds no
 * longer. */
struct forecast_over {
	struct limit_rule rule; /* whom it was about, and the number; a pause: no number */
	int64_t from_ms, to_ms;
};

/* A lane whose connections fail, as its node says now. */
struct forecast_refused {
	struct str source, queue;
	struct str said;   /* "Connection refused" */
	int64_t since_ms;  /* the first of them */
	int64_t probes_ms; /* when it is tried next; 0: not known */
};

struct forecast_facts {
	int64_t now_ms, now_us;
	const struct ip_pool_snapshot *pool;
	const struct past_usage *usage;
	size_t usage_count;
	const struct forecast_job *jobs;
	size_t job_count;
	const struct forecast_people *people;
	size_t people_count;
	const struct forecast_seen *seen;
	size_t seen_count;
	const struct forecast_over *over;
	size_t over_count;
	const struct forecast_refused *refused;
	size_t refused_count;
	const int32_t *delays_s; /* retry.schedule */
	size_t delay_count;
};

struct forecast_build {
	struct forecast_model model; /* campaigns: the jobs, in their order */
	struct str *queue_names;     /* by queue */
	struct arena arena;
};

/* Is it about this lane? */
bool forecast_is_refused(const struct forecast_refused *r, const struct limit_scope *lane);

/* Borrows what facts point to. End it with forecast_build_done. */
void forecast_build(struct forecast_build *b, const struct forecast_facts *facts);
void forecast_build_done(struct forecast_build *b);

#endif
