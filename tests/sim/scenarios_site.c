/* SPDX-License-Identifier: MIT */
/* Hosts that refuse and providers that are dead: what it costs the others. */
#include "tests/sim/bars.h"
#include "tests/sim/world.h"

#define PLENTY INT64_C(100000000)

/* ---------------------------------------------------------------------------- one host of four */

struct hosts_story {
	int64_t service_ms;
	int count;
	bool has_refusing; /* the first of them */
	const char *name;  /* of the site, or of the provider */
	const char *words; /* NULL: its port is closed */
};

struct hosts_seen {
	int64_t accepted, least, refused_connects;
};

/* The second to the twelfth minute. */
static struct hosts_seen see_hosts(uint64_t seed, const struct hosts_story *story)
{
	struct world w;
	struct hosts_seen seen = {.least = INT64_MAX};
	world_open(&w, seed);
	(void)world_source(&w, NULL);
	struct receiver *r = world_receiver(&w, story->name, story->count, story->service_ms);
	r->limits.refusing = story->has_refusing ? 1 : 0;
	r->words.refusing = story->words;
	(void)world_crowd(&w, 0, r, PLENTY);
	world_start(&w);
	world_run(&w, 2 * MINUTE);
	int64_t taken_before = r->sources[1].accepted;
	receiver_clear(r);
	world_run(&w, 10 * MINUTE);
	seen.accepted = r->sources[1].accepted - taken_before;
	seen.refused_connects = r->refused_connects;
	for (int h = story->has_refusing; h < story->count; h++)
		if (r->host_accepted[h] < seen.least)
			seen.least = r->host_accepted[h];
	world_close(&w);
	return seen;
}

void play_hosts(uint64_t seed, struct bars *out)
{
	static const char *const words[] = {NULL, "421 4.3.2 Service not available, closing",
					    "421 4.3.0 system not accepting network messages"};
	struct hosts_story sick = {.service_ms = 50 + (int64_t)(seed * 37 % 500),
				   .count = 4,
				   .has_refusing = true,
				   .name = seed % 2 ? "netease" : "mx.peer.example",
				   .words = words[seed % 3]};
	struct hosts_story well = {.service_ms = sick.service_ms, .count = 3, .name = sick.name};
	struct hosts_seen with = see_hosts(seed, &sick);
	struct hosts_seen without = see_hosts(seed, &well);
	bar_note(out, "of what three hosts carry alone",
		 (double)with.accepted / (double)without.accepted, 0.98, 1.02);
	bar_note(out, "least busy host of its third",
		 3.0 * (double)with.least / (double)with.accepted, 0.85, 1);
	bar_note(out, "connections refused in 10 min", (double)with.refused_connects, 0, 20);
}

/* --------------------------------------------------------------------------- a dead provider */

struct dead_story {
	int64_t service_ms[3];
	bool has_dead, is_silent, has_few_connections;
};

/* Minutes until all people of the living providers are through. */
static double see_living(uint64_t seed, const struct dead_story *story)
{
	static const char *const living[] = {"outlook", "netease", "mx.peer.example"};
	struct world w;
	struct crowd *crowds[ARRAY_LEN(living)];
	world_open(&w, seed);
	(void)world_source(&w, NULL);
	(void)world_source(&w, NULL);
	for (size_t i = 0; i < ARRAY_LEN(living); i++) {
		struct receiver *r = world_receiver(&w, living[i], 1, story->service_ms[i]);
		crowds[i] = world_crowd(&w, 0, r, 20000);
	}
	struct receiver *dead = world_receiver(&w, "gmail", 2, 100);
	dead->limits.is_dead = true;
	dead->limits.is_silent = story->is_silent;
	if (story->has_dead)
		(void)world_crowd(&w, 0, dead, 540000);
	world_start(&w);
	if (story->has_few_connections) {
		struct limit_rule rule = {.source = STR("mx1"), .until_ms = LIMIT_FOREVER};
		limit_values_init(&rule.values);
		rule.values.connections = 30;
		world_limit(&w, &rule);
	}
	int64_t began_ms = world_now(&w), left;
	do {
		world_run(&w, SECOND);
		left = 0;
		for (size_t i = 0; i < ARRAY_LEN(living); i++)
			left += crowd_left(crowds[i]);
	} while (left > 0 && world_now(&w) - began_ms < 4 * HOUR);
	double minutes = (double)(world_now(&w) - began_ms) / (double)MINUTE;
	world_close(&w);
	return minutes;
}

void play_dead(uint64_t seed, struct bars *out)
{
	struct dead_story story = {.is_silent = seed % 2 != 0,
				   .has_few_connections = seed / 2 % 2 != 0};
	for (size_t i = 0; i < ARRAY_LEN(story.service_ms); i++)
		story.service_ms[i] = 50 + (int64_t)(seed * (29 + i) % 400);
	double alone = see_living(seed, &story);
	story.has_dead = true;
	double beside = see_living(seed, &story);
	bar_note(out, "time of the others beside it", beside / alone, 0, 1.05);
}
