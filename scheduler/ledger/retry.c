/* SPDX-License-Identifier: MIT */
/* The schedule of retries; see retry.h. */
#include "scheduler/ledger/retry.h"

#define US_PER_S 1000000
#define JITTER_PERCENT 15

/* The delay before jitter, in microseconds; at least what was asked. */
static int64_t base_delay_us(const struct retry_schedule *schedule, const struct retry_question *q)
{
	size_t step = 0;
	if (q->klass == OUTCOME_DEFERRED && q->attempts > 0)
		step = (size_t)q->attempts - 1;
	if (step >= schedule->count)
		step = schedule->count - 1;
	int64_t scheduled = (int64_t)schedule->delays_s[step] * US_PER_S;
	int64_t asked = q->asked_ms * 1000;
	if (asked == 0)
		return scheduled;
	return q->klass == OUTCOME_DEFERRED && scheduled > asked ? scheduled : asked;
}

enum recipient_state retry_decide(const struct retry_schedule *schedule,
				  const struct retry_question *q, int64_t *due_at_us_out)
{
	int64_t left_us = ((int64_t)q->give_up_after_s - q->age_s) * US_PER_S;
	if (left_us <= 0)
		return q->klass == OUTCOME_BLOCKED ? RECIPIENT_BLOCKED : RECIPIENT_EXPIRED;
	int64_t delay = base_delay_us(schedule, q);
	int64_t spread = delay * JITTER_PERCENT / 100;
	int64_t least = delay - spread > q->asked_ms * 1000 ? delay - spread : q->asked_ms * 1000;
	delay = least + (int64_t)(q->random % (uint64_t)(delay + spread - least + 1));
	*due_at_us_out = q->now_us + (delay < left_us ? delay : left_us);
	return RECIPIENT_DEFERRED;
}

void retry_unknown(struct settlement *s, bool again, int64_t due_at_us)
{
	s->klass = OUTCOME_UNKNOWN;
	s->cause = CAUSE_REPLY_LOST;
	s->scope = SCOPE_HOST;
	s->words = OUTCOME_WORDS_LOCAL;
	s->stage = STAGE_DOT;
	s->state = RECIPIENT_UNKNOWN;
	if (!again || (s->retry.flags & RETRY_AFTER_UNKNOWN) != 0)
		return;
	s->state = RECIPIENT_DEFERRED;
	s->retry.due_at_us = due_at_us;
	s->retry.attempts = s->attempt;
	s->retry.flags |= RETRY_AFTER_UNKNOWN;
	s->retry.version = s->version;
}
