/* SPDX-License-Identifier: MIT */
/*
 * The one sentence: why a recipient, a campaign or a lane is where it is, since when and until
 * when, in English or Chinese. Pure: it is told what the database said.
 */
#ifndef EDM_SCHEDULER_REPORT_WHY_SAY_H
#define EDM_SCHEDULER_REPORT_WHY_SAY_H

#include "engine/base/buf.h"
#include "scheduler/report/hold.h"

/* What holds a waiting person; false: nothing does, or it is not known. */
bool why_find_hold(const struct why_context *w, const json_t *person, struct hold *out);
/* What holds a lane (the document of why_lane), or binds it; false: nothing. */
bool why_find_lane_hold(const struct why_context *w, const json_t *lane, struct hold *out);
/* person: an entry of the document of why_address, before its sentence is set. */
void why_say_person(const struct why_context *w, const json_t *person, struct buf *out);
/* "50 of 79: …" of an entry of places_held, or only what holds all of so many. */
void why_say_place(const struct why_context *w, const json_t *place, int64_t of, struct buf *out);
/* campaign: the document of why_campaign, likewise. */
void why_say_campaign(const struct why_context *w, const json_t *campaign, struct buf *out);
/* lane: the document of why_lane, likewise. w->campaign is not read. */
void why_say_lane(const struct why_context *w, const json_t *lane, struct buf *out);

#endif
