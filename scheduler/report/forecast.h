/* SPDX-License-Identifier: MIT */
/*
 * When a campaign will be through, also before it is started: a document (document.h). The present
 * state, as the database has it, is played forward (scheduler/plan/forecast.h). Blocking; for the
 * command line. scheduler/cli/help/campaigns.md describes it.
 */
#ifndef EDM_SCHEDULER_REPORT_FORECAST_H
#define EDM_SCHEDULER_REPORT_FORECAST_H

#include "scheduler/report/document.h"

/* The document of `campaign forecast`; ERR_NOT_FOUND. */
json_t *forecast_campaign(struct pg_blocking *db, const char *name, enum language language,
			  struct err *err) NODISCARD;

#endif
