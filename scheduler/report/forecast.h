/* SPDX-License-Identifier: MIT */
/*
 * When a campaign will be through, also before it is started: a document (document.h). The present
 * state, as the database has it, is played forward (scheduler/plan/forecast.h). Blocking; for the
 * command line. scheduler/cli/help/campaigns.md describes it.
 */
#ifndef EDM_SCHEDULER_REPORT_FORECAST_H
#define EDM_SCHEDULER_REPORT_FORECAST_H

#include "scheduler/report/document.h"

/* Of how many people put off, of all campaigns in a forecast, the likely end alone is told. */
#define FORECAST_QUICK_PEOPLE 100000

/* The document of `campaign forecast`; ERR_NOT_FOUND. schedule: setting retry.schedule as it is in
 * force where the campaign is sent from ("5min,1h"); ERR_CONFIG if it is none. */
json_t *forecast_campaign(struct pg_blocking *db, const char *name, struct str schedule,
			  enum language language, struct err *err) NODISCARD;
/* Its likely end alone, in database time, in a fraction of a second; 0: never, the campaign has
 * ended, something would have to be assumed that is not so (that a node runs), or more than
 * FORECAST_QUICK_PEOPLE are put off. Errors as above. */
int forecast_likely_end(struct pg_blocking *db, const char *name, struct str schedule,
			int64_t *us_out, struct err *err) NODISCARD;

#endif
