/* SPDX-License-Identifier: MIT */
/*
 * Limits and waits of a lane in words: what nodes say of it (node_live) and limit explain's
 * numbers. English is what the entry itself says; Chinese is made of its facts, where it has them
 * (a node of an older version may not tell them: then it is English, too). Pure; any thread.
 */
#ifndef EDM_SCHEDULER_REPORT_LANE_SAY_H
#define EDM_SCHEDULER_REPORT_LANE_SAY_H

#include <jansson.h>

#include "engine/base/buf.h"
#include "ip-pool/limit.h"
#include "scheduler/report/words.h"

struct lane_saying {
	enum language language;
	int64_t now_us;	  /* database time */
	const char *lane; /* "mx1/qq" */
};

/* "每分钟"; a constant. */
const char *lane_period_zh(enum limit_period period);
/* "从收件方学到"; a constant, "" for what is nobody's number. An operator's names its limit. */
const char *lane_origin_zh(enum limit_origin origin);

/* Whom an entry of caps, or of why's limits, is about: "lane mx1/qq", "通道 mx1/qq". */
void lane_say_applies(enum language language, const json_t *cap, struct buf *out);
/* An entry of limit explain's caps. */
void lane_say_cap(const struct lane_saying *w, const json_t *cap, struct buf *out);
/* What its next message or connection waits for: binds. */
void lane_say_binds(const struct lane_saying *w, const json_t *binds, struct buf *out);
/* What a lane of node_live waits for; nothing is appended if it can send. */
void lane_say_waits(const struct lane_saying *w, const json_t *lane, struct buf *out);
/* An entry of next. */
void lane_say_change(const struct lane_saying *w, const json_t *change, struct buf *out);

#endif
