/* SPDX-License-Identifier: MIT */
/*
 * When somebody deferred is tried again, and when it is given up. Pure.
 *
 * The n-th attempt that failed waits the n-th delay of the schedule (the last one from then on), or
 * what the receiver's side asked for, whichever is longer; ± 15 %, so that what failed together
 * does not come back together. What is no attempt (throttled, blocked, unreached) waits what was
 * asked, or the first delay. Give-up counts what the receiver's side cost (age_s): past
 * give_up_after_s there is no further try; the last one is moved forward to fall within.
 */
#ifndef EDM_SCHEDULER_LEDGER_RETRY_H
#define EDM_SCHEDULER_LEDGER_RETRY_H

#include "scheduler/ledger/flush.h"

#define RETRY_STEPS_MAX 16u

/* Of setting retry.schedule. */
struct retry_schedule {
	int32_t delays_s[RETRY_STEPS_MAX];
	size_t count; /* at least 1 */
};

struct retry_question {
	unsigned klass;		 /* enum outcome_class */
	int16_t attempts;	 /* made, this one included if it was one */
	int32_t age_s;		 /* counted towards give-up by now */
	int32_t give_up_after_s; /* of the campaign */
	int64_t asked_ms;	 /* delay the rules ask for, 0 = none */
	int64_t now_us;
	uint64_t random;
};

/* DEFERRED with *due_at_us_out set, or the final state of one given up: BLOCKED when the last word
 * was a block, else EXPIRED. */
enum recipient_state retry_decide(const struct retry_schedule *schedule,
				  const struct retry_question *q, int64_t *due_at_us_out);

/* Turns s into what became of somebody whose terminator left and whose reply was not read: state
 * unknown, or one more try at due_at_us when again (policy retry) and it had none before. s names
 * position, rid, domain, attempt, version, at_us and retry.address, attributes, flags, age_s. */
void retry_unknown(struct settlement *s, bool again, int64_t due_at_us);

#endif
