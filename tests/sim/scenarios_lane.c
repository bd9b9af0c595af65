/* SPDX-License-Identifier: MIT */
/* One lane against one hidden limit. */
#include "tests/sim/bars.h"
#include "tests/sim/world.h"

#define PLENTY INT64_C(100000000)

static double share(int64_t part, int64_t whole)
{
	return whole > 0 ? (double)part / (double)whole : 0;
}

/* ----------------------------------------------------------------------------- hidden concurrency
 */

/* What five connections carry in ten minutes when we know that there are five. */
static int64_t possible(uint64_t seed, int64_t connections, int64_t service_ms)
{
	struct world w;
	struct limit_rule rule = {.provider = STR("tail"), .until_ms = LIMIT_FOREVER};
	world_open(&w, seed);
	(void)world_source(&w, NULL);
	struct receiver *r = world_receiver(&w, "mx.peer.example", 1, service_ms);
	(void)world_crowd(&w, 0, r, PLENTY);
	world_start(&w);
	limit_values_init(&rule.values);
	rule.values.connections = connections;
	world_limit(&w, &rule);
	world_run(&w, 10 * MINUTE);
	receiver_clear(r);
	world_run(&w, 10 * MINUTE);
	int64_t accepted = r->accepted;
	world_close(&w);
	return accepted;
}

void play_concurrency(uint64_t seed, struct bars *out)
{
	const int64_t hidden = 5;
	struct world w;
	world_open(&w, seed);
	int64_t service_ms = world_pick(&w, 50, 800);
	(void)world_source(&w, NULL);
	struct receiver *r = world_receiver(&w, "mx.peer.example", 1, service_ms);
	r->limits.connections = hidden;
	r->words.connections = "421 4.7.0 Too many concurrent SMTP connections, try later";
	(void)world_crowd(&w, 0, r, PLENTY);
	world_start(&w);
	world_run(&w, 10 * MINUTE);
	receiver_clear(r);
	world_run(&w, 10 * MINUTE);
	int64_t accepted = r->accepted;
	int64_t refused = r->refused + r->refused_connects;
	world_close(&w);
	bar_note(out, "deferred after 10 min", share(refused, accepted + refused), 0, 0.05);
	bar_note(out, "goodput of what is possible",
		 share(accepted, possible(seed, hidden, service_ms)), 0.90, 1.02);
}
