/* SPDX-License-Identifier: MIT */
/* The words of a forecast: what binds, and why there is no end. English or Chinese. Pure. */
#ifndef EDM_SCHEDULER_REPORT_FORECAST_SAY_H
#define EDM_SCHEDULER_REPORT_FORECAST_SAY_H

#include "engine/base/buf.h"
#include "ip-pool/pause.h"
#include "scheduler/plan/forecast.h"
#include "scheduler/report/words.h"

struct forecast_saying {
	enum language language;
	int64_t now_ms;
	struct str lane;   /* "mx1/qq", where it was seen; may be empty */
	struct str target; /* the queue */
	struct str pool;
	struct str said; /* how its connections fail, "Connection refused"; may be empty */
};

/* "mx1/qq: 100 messages/min by operator (limit 3)". Nothing is appended for BIND_NOTHING. */
void forecast_say_bind(const struct forecast_saying *w, const struct forecast_bind *b,
		       struct buf *out);
/* Why a queue is never through, and what would change it; as a clause. */
void forecast_say_stuck(const struct forecast_saying *w, const struct forecast_bind *b,
			struct buf *out);
/* Likewise of queues that w->target lists, which all stand still while these pauses hold, one or
 * more, a sentence: "no end of qq, tail while pause 3 holds (li: moved); edm resume --id 3 ends
 * it". */
void forecast_say_paused(const struct forecast_saying *w, const struct pause *const *pauses,
			 size_t count, struct buf *out);

#endif
