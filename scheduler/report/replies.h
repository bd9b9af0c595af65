/* SPDX-License-Identifier: MIT */
/*
 * What servers say, by volume: replies that differ only in what names one mail are one entry, with
 * the rule that judged them. For finding replies no rule knows. Of very many outcomes a sample is
 * read; the document's "share" says how much of them, and the counts are scaled up to the whole.
 * Blocking; for the command line.
 */
#ifndef EDM_SCHEDULER_REPORT_REPLIES_H
#define EDM_SCHEDULER_REPORT_REPLIES_H

#include "scheduler/report/document.h"

/* The document of `report replies`: those of the last last_ms (> 0); is_unmatched: only those that
 * no rule knows. */
json_t *replies_load(struct pg_blocking *db, int64_t last_ms, bool is_unmatched,
		     enum language language, struct err *err) NODISCARD;

#endif
