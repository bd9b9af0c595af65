/* SPDX-License-Identifier: MIT */
/*
 * Why a campaign is paused, in English or Chinese. What an operator said stays as it was said.
 * Pure; any thread.
 */
#ifndef EDM_SCHEDULER_REPORT_REASON_H
#define EDM_SCHEDULER_REPORT_REASON_H

#include "engine/base/buf.h"
#include "scheduler/report/document.h"

/* What the campaign's row says of it. */
struct pause_facts {
	enum pause_reason reason;
	const char *text;     /* the sentence written when it was paused; "" = none */
	const json_t *braked; /* what its brake saw (campaign/brake.sql), or NULL */
};

/* Appends the sentence; nothing if there is none. */
void reason_say(const struct pause_facts *facts, enum language language, struct buf *out);

#endif
