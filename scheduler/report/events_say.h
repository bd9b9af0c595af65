/* SPDX-License-Identifier: MIT */
/* Events (events.h) in words: what was done, to what, and with which numbers. English or Chinese.
 * Pure. */
#ifndef EDM_SCHEDULER_REPORT_EVENTS_SAY_H
#define EDM_SCHEDULER_REPORT_EVENTS_SAY_H

#include <jansson.h>

#include "engine/base/buf.h"
#include "scheduler/report/words.h"

/* "limit set", "设置限制". A verb of a newer engine stays as it is. */
void events_say_what(struct str verb, enum language language, struct buf *out);
/* "limit:lane mx1/qq", "限制：通道 mx1/qq". English is what --about looks for. */
void events_say_about(struct str object, enum language language, struct buf *out);
/* The detail (an object or null) of an event in words: of a limit's "rate=100/min, limit 7"; of
 * others its facts, "rows 40, added 38", without those that are null or false; nothing when there
 * is none. */
void events_say_detail(struct str verb, const json_t *detail, enum language language,
		       struct buf *out);

#endif
