/* SPDX-License-Identifier: MIT */
/* What was changed, by whom and why: the events that every changing verb leaves. Blocking. */
#ifndef EDM_SCHEDULER_REPORT_EVENTS_H
#define EDM_SCHEDULER_REPORT_EVENTS_H

#include "scheduler/report/document.h"

struct events_question {
	int64_t last_ms;  /* how far back, > 0 */
	struct str what;  /* "limit set", or "limit" for all of limits; empty: anything */
	struct str about; /* a part of what it was about; empty: anything */
	int32_t rows_max; /* the newest so many */
};

/* {"events": [{"id", "at_us", "who", "what", "about", "because", "detail"}]}, oldest first; the
 * caller's to decref. NULL and err. */
json_t *events_load(struct pg_blocking *db, const struct events_question *question,
		    struct err *err) NODISCARD;

#endif
