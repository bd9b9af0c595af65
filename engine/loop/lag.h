/* SPDX-License-Identifier: MIT */
/*
 * How long a loop keeps what is ready waiting: the lengths of its turns, the time asleep not
 * counted. A turn is known to about a fifth; old ones fade, so that a share is one of the last
 * hundred thousand turns or so. Pure; belongs to the loop's thread.
 */
#ifndef EDM_ENGINE_LOOP_LAG_H
#define EDM_ENGINE_LOOP_LAG_H

#include <stddef.h>
#include <stdint.h>

#define LAG_BUCKETS 112

struct lag {
	uint32_t turns[LAG_BUCKETS]; /* by length, four buckets a doubling */
	uint32_t total;
	int64_t longest_us; /* since the last lag_take_longest_us */
};

/* A turn took so long. */
void lag_note(struct lag *lag, int64_t us);
/* So many of a thousand turns were no longer than this; 0 before the first. */
int64_t lag_of_thousand_us(const struct lag *lag, unsigned turns);
/* The longest turn since it was last asked for. */
int64_t lag_take_longest_us(struct lag *lag);

#endif
