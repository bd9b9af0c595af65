/* SPDX-License-Identifier: MIT */
/*
 * One campaign in numbers. They come from the counters, so that a campaign of ten million is as
 * quick to report as one of ten; in every report the recipient states add up to the audience.
 * Blocking; for the command line.
 */
#ifndef EDM_SCHEDULER_REPORT_COUNTS_H
#define EDM_SCHEDULER_REPORT_COUNTS_H

#include "scheduler/report/document.h"

/*
 * The document of `report campaign` (scheduler/cli/help/reports.md describes it); ERR_NOT_FOUND.
 * Numbers of recipient states stand under the states' names, beside "audience".
 */
json_t *counts_campaign(struct pg_blocking *db, const char *name, enum language language,
			struct err *err) NODISCARD;

/* Delivered of those it was tried for: everybody final but suppressed and cancelled. */
int64_t counts_tried(const json_t *campaign);
/* The id of the campaign called name; ERR_NOT_FOUND. */
int counts_find_campaign(struct pg_blocking *db, const char *name, int32_t *id_out,
			 struct err *err) NODISCARD;

#endif
