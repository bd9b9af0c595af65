/* SPDX-License-Identifier: MIT */
/*
 * Scenarios and the bars they are held against. A scenario plays one story in worlds of its own and
 * notes what it measured; the same seed gives the same numbers.
 */
#ifndef EDM_TESTS_SIM_BARS_H
#define EDM_TESTS_SIM_BARS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BARS_MAX 32

struct bar {
	const char *what; /* a constant */
	double value, low, high;
};

struct bars {
	struct bar bars[BARS_MAX];
	size_t count;
};

/* The value is to lie within low … high. */
void bar_note(struct bars *b, const char *what, double value, double low, double high);
bool bar_holds(const struct bar *bar);

struct scenario {
	const char *name;
	const char *about;
	void (*play)(uint64_t seed, struct bars *out);
};

extern const struct scenario scenarios[];
extern const size_t scenario_count;

void play_concurrency(uint64_t seed, struct bars *out);
void play_rate(uint64_t seed, struct bars *out);
void play_hosts(uint64_t seed, struct bars *out);
void play_dead(uint64_t seed, struct bars *out);
void play_windows(uint64_t seed, struct bars *out);
void play_warmup(uint64_t seed, struct bars *out);
void play_limits(uint64_t seed, struct bars *out);
void play_aim(uint64_t seed, struct bars *out);
void play_scope(uint64_t seed, struct bars *out);
void play_why(uint64_t seed, struct bars *out);
void play_forecast(uint64_t seed, struct bars *out);
void play_neighbour(uint64_t seed, struct bars *out);

#endif
