/* SPDX-License-Identifier: MIT */
/* What the files of the forecast share. */
#ifndef EDM_SCHEDULER_REPORT_FORECAST_PRIVATE_H
#define EDM_SCHEDULER_REPORT_FORECAST_PRIVATE_H

#include "scheduler/report/forecast_model.h"

/* Messages a second; 0: it cannot be told. It may be so much more or less, as
 * forecast_lane.doubt. */
struct forecast_pace {
	double per_s, doubt;
};

/* Does a limiter of this scope count the row? */
bool forecast_counts(const struct forecast_facts *f, const struct limit_scope *scope,
		     const struct past_usage *row);
/* What a lane sent in the last hour while there was work and it was allowed to. */
struct forecast_pace forecast_pace_of(const struct forecast_facts *f,
				      const struct lane_limits *lane);
/* What a limiter counted in the busiest of the last ten minutes, or counts now, a second. */
double forecast_busy_per_s(const struct forecast_facts *f, const struct limiter *l);

#endif
