/* SPDX-License-Identifier: MIT */
/* What the files of the forecast share. */
#ifndef EDM_SCHEDULER_REPORT_FORECAST_PRIVATE_H
#define EDM_SCHEDULER_REPORT_FORECAST_PRIVATE_H

#include "scheduler/report/forecast_model.h"

#define FORECAST_MINUTE_MS INT64_C(60000)
#define FORECAST_MINUTES 60

/* Messages a second; 0: it cannot be told. It may be so much more or less, as
 * forecast_lane.doubt. */
struct forecast_pace {
	double per_s, doubt;
};

/* Minutes of the wall clock, the present one first: messages, and for how long there was work. */
struct forecast_minutes {
	double n[FORECAST_MINUTES], open_ms[FORECAST_MINUTES];
};

/* Does a limiter of this scope count the row? */
bool forecast_counts(const struct forecast_facts *f, const struct limit_scope *scope,
		     const struct past_usage *row);
/* Since when the present minute is. */
int64_t forecast_minute_began(const struct forecast_facts *f);
/* The minute a row belongs to. */
size_t forecast_minute_of(const struct forecast_facts *f, const struct past_usage *row);
/* Was the job to be sent to at this queue? */
bool forecast_has_people(const struct forecast_facts *f, size_t job, struct str queue);
/* What a lane sent in the last hour while there was work and it was allowed to. */
struct forecast_pace forecast_pace_of(const struct forecast_facts *f,
				      const struct lane_limits *lane);
/* Minutes in which a limit or pause that is over held the lane tell nothing of its pace: they are
 * closed (open_ms 0). */
void forecast_leave_out_over(const struct forecast_facts *f, const struct lane_limits *lane,
			     struct forecast_minutes *m);
/* Likewise those of a rest: minutes without a message, of a lane that has many in others, if it
 * stood still once; who stands still again and again will do so again. */
void forecast_leave_out_rest(const struct forecast_facts *f, const struct lane_limits *lane,
			     struct forecast_minutes *m);
/* What a limiter counted in the busiest of the last ten minutes, or counts now, a second. */
double forecast_busy_per_s(const struct forecast_facts *f, const struct limiter *l);

#endif
