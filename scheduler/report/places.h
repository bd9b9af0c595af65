/* SPDX-License-Identifier: MIT */
/*
 * Where the people of a campaign wait, and what holds them there: a place is a queue, so a provider
 * or a site of the tail. Pure; any thread.
 */
#ifndef EDM_SCHEDULER_REPORT_PLACES_H
#define EDM_SCHEDULER_REPORT_PLACES_H

#include "scheduler/report/hold.h"

/*
 * [{"queue", "people", "held"}] of the places whose people are held, that of most people first; a
 * new reference. groups: of report/campaign_work, parked: of report/campaign_parked. People of the
 * tail are known by what nodes have of it in hand; the rest of them are one place, "tail".
 */
json_t *places_held(const struct why_context *w, const json_t *groups, const json_t *parked);
/* The queue of a group of report/campaign_work: its own name, or of a large domain its site. */
const char *places_queue(const json_t *group);
/* Is the queue one of a group's? */
bool places_has_group(const json_t *groups, const char *queue);

#endif
