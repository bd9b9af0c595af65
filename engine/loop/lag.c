/* SPDX-License-Identifier: MIT */
/* A histogram of turn lengths; see lag.h. */
#include "engine/loop/lag.h"

/* With more turns than this the old ones count half. */
#define TURNS_MAX 100000u
#define BUCKETS_A_DOUBLING 4u

/* Buckets of a doubling are equal parts of it: 4 5 6 7, 8 10 12 14, 16 20 … */
static size_t bucket_of(int64_t us)
{
	if (us < (int64_t)BUCKETS_A_DOUBLING)
		return us > 0 ? (size_t)us : 0;
	unsigned power = 63u - (unsigned)__builtin_clzll((unsigned long long)us);
	size_t part = (size_t)(us >> (power - 2)) & (BUCKETS_A_DOUBLING - 1);
	size_t bucket = (power - 1) * BUCKETS_A_DOUBLING + part;
	return bucket < LAG_BUCKETS ? bucket : LAG_BUCKETS - 1;
}

/* The least length that belongs to a later bucket. */
static int64_t end_of(size_t bucket)
{
	if (bucket < BUCKETS_A_DOUBLING)
		return (int64_t)bucket + 1;
	unsigned power = (unsigned)(bucket / BUCKETS_A_DOUBLING) + 1;
	int64_t part = (int64_t)(bucket % BUCKETS_A_DOUBLING) + BUCKETS_A_DOUBLING + 1;
	return part << (power - 2);
}

static void fade(struct lag *lag)
{
	lag->total = 0;
	for (size_t i = 0; i < LAG_BUCKETS; i++) {
		lag->turns[i] /= 2;
		lag->total += lag->turns[i];
	}
}

void lag_note(struct lag *lag, int64_t us)
{
	lag->turns[bucket_of(us)]++;
	lag->total++;
	if (us > lag->longest_us)
		lag->longest_us = us;
	if (lag->total > TURNS_MAX)
		fade(lag);
}

int64_t lag_of_thousand_us(const struct lag *lag, unsigned turns)
{
	uint64_t want = ((uint64_t)lag->total * turns + 999) / 1000;
	uint64_t seen = 0;
	if (lag->total == 0)
		return 0;
	for (size_t i = 0; i < LAG_BUCKETS; i++) {
		seen += lag->turns[i];
		if (seen >= want)
			return end_of(i);
	}
	return end_of(LAG_BUCKETS - 1);
}

int64_t lag_take_longest_us(struct lag *lag)
{
	int64_t longest_us = lag->longest_us;
	lag->longest_us = 0;
	return longest_us;
}
