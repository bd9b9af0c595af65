/* SPDX-License-Identifier: MIT */
/*
 * Whether a lane is better served by the connections it has than by one more. Pure.
 *
 * A connection costs the receiver and us more than a message does, and is up only after several
 * round trips. Where jobs come in bursts that are as slow as composing makes them, those ready now
 * are gone by then: the connections there are had nothing to carry just before. One to a site that
 * had to spare is worth no other for a while. If the jobs keep coming, none is found idle again,
 * and the while passes.
 *
 * It remembers the site met last: in a lane with many sites the others go unprotected.
 */
#ifndef EDM_SCHEDULER_PLAN_SPARE_H
#define EDM_SCHEDULER_PLAN_SPARE_H

#include <stdbool.h>
#include <stdint.h>

struct site;

/* Of one lane; zeroed = it never had a connection. */
struct spare {
	const struct site *site; /* compared only, so it may be gone; NULL = none to spare */
	int64_t at_ms;		 /* when that was so last */
};

/* A connection to site had nothing to carry before it took its next job. */
void spare_found(struct spare *s, const struct site *site, int64_t now);
/* The first connection of the lane is begun: what it can carry is to spare, unless the one before
 * ended so recently that this one may be as short. */
void spare_begun(struct spare *s, const struct site *site, int64_t now);
/* The last connection of the lane has ended. */
void spare_ended(struct spare *s, int64_t now);
/* Until when no connection to site is worth its price; 0: it is worth it now. messages = how many
 * one connection may carry, INT64_MAX = any number. */
int64_t spare_until(const struct spare *s, const struct site *site, int64_t messages, int64_t now);

#endif
