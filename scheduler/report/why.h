/* SPDX-License-Identifier: MIT */
/*
 * Why: for one recipient, campaign or lane, a sentence and what it is drawn from. A look-up of a
 * recipient reads outcomes by person: those of the newest day have no index and are read through.
 * Blocking; for the command line. scheduler/cli/help/reports.md describes the documents.
 */
#ifndef EDM_SCHEDULER_REPORT_WHY_H
#define EDM_SCHEDULER_REPORT_WHY_H

#include "ip-pool/store/snapshot.h"
#include "scheduler/report/document.h"

/* campaign NULL = the latest ten the recipient is in. ERR_USAGE: no address; ERR_NOT_FOUND: nobody
 * knows the address, or no such campaign. */
json_t *why_address(struct pg_blocking *db, const char *address, const char *campaign,
		    enum language language, struct err *err) NODISCARD;
/* ERR_NOT_FOUND. */
json_t *why_campaign(struct pg_blocking *db, const char *name, enum language language,
		     struct err *err) NODISCARD;
/* lane: source/provider or source/site; pool tells which limits apply to it. ERR_NOT_FOUND: no such
 * source. */
json_t *why_lane(struct pg_blocking *db, const char *lane, const struct ip_pool_snapshot *pool,
		 enum language language, struct err *err) NODISCARD;

#endif
