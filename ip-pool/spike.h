/* SPDX-License-Identifier: MIT */
/*
 * A spike of addresses that a site calls unknown: hardly ever dead addresses, mostly a directory
 * of theirs that is down. What it says then is not believed: nobody is suppressed for it.
 *
 * It is seen by the last SPIKE_WINDOW recipients the site answered about. Without a history of
 * SPIKE_HISTORY answers before them, more than half of at least SPIKE_MIN; with one, four times
 * what is usual there (more than a fifth in any case). It ends when the answers are about as usual
 * again, never by silence; and after SPIKE_LASTS_MS it is what the site is like, no outage.
 *
 * Times are monotonic milliseconds. One owner; pure.
 */
#ifndef EDM_IP_POOL_SPIKE_H
#define EDM_IP_POOL_SPIKE_H

#include "engine/reply/outcome.h"

#define SPIKE_WINDOW 64u
#define SPIKE_MIN 20u
#define SPIKE_HISTORY 200u
#define SPIKE_LASTS_MS INT64_C(86400000)
/* Recipients of a spike are tried again so much later, this often; then they bounce, unsuppressed.
 */
#define SPIKE_DELAY_MS INT64_C(3600000)
#define SPIKE_RETRIES 2

struct spike {
	uint64_t window;  /* a bit per answer, the last one lowest; set: unknown */
	uint32_t count;	  /* answers in the window */
	uint32_t usual;	  /* answers before the window, outside of spikes ... */
	uint32_t unknown; /* ... that said unknown; both are halved when they are many */
	bool is_on;
	int64_t since_ms;
};

/*
 * The site answered about a recipient, for good or by accepting the message: true when the answer
 * falls into a spike, the one that begins it included. All zero is a spike that saw nothing.
 */
bool spike_answered(struct spike *s, bool is_unknown, int64_t now) NODISCARD;
/* Does the verdict say that the address is dead, for good? */
bool spike_is_unknown(const struct verdict *verdict);
/* What is made of such a verdict in a spike; attempt counts from 1. */
void spike_quarantine(struct verdict *verdict, unsigned attempt);
/* Is what was made of a reply (was) what a spike makes of this verdict of the rules? */
bool spike_made(const struct verdict *was, const struct verdict *verdict);

#endif
