/* SPDX-License-Identifier: MIT */
/*
 * The one sentence: why a recipient, a campaign or a lane is where it is, since when and until
 * when, in English or Chinese. Pure: it is told what the database said.
 */
#ifndef EDM_SCHEDULER_REPORT_WHY_SAY_H
#define EDM_SCHEDULER_REPORT_WHY_SAY_H

#include "engine/base/buf.h"
#include "scheduler/report/live.h"

struct why_context {
	enum language language;
	int64_t now_us;	      /* database time */
	const json_t *live;   /* of live_load */
	const char *campaign; /* its name */
	enum campaign_state campaign_state;
	int64_t campaign_since_us;
	const char *campaign_by;     /* who moved it there; "" = nobody known */
	const char *campaign_reason; /* sentence; "" = none */
	int64_t scheduled_us;
};

/*
 * Appends what keeps the campaign's people from being sent to whose mail goes to target, as a
 * clause: a provider, a site, "tail" (any site of the tail), NULL (whoever); false and nothing
 * appended if nothing stands in their way.
 */
bool why_say_hold(const struct why_context *w, const char *target, struct buf *out);
/* Appends "outside its sending hours until …" of an entry of live's campaigns; false and nothing
 * appended if it is within them. */
bool why_say_closed(const struct why_context *w, const json_t *campaign, struct buf *out);
/* Appends what a campaign waits for, as a clause; waiting: of live_waiting. */
void why_say_waiting(const struct why_context *w, const json_t *waiting, struct buf *out);
/* person: an entry of the document of why_address, before its sentence is set. */
void why_say_person(const struct why_context *w, const json_t *person, struct buf *out);
/* campaign: the document of why_campaign, likewise. */
void why_say_campaign(const struct why_context *w, const json_t *campaign, struct buf *out);
/* lane: the document of why_lane, likewise. w->campaign is not read. */
void why_say_lane(const struct why_context *w, const json_t *lane, struct buf *out);

#endif
