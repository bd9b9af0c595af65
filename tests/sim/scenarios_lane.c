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

/* --------------------------------------------------------------------------------- hidden rate */

static void set_rate(struct receiver *r, double rate)
{
	r->limits.rate = r->limits.burst = rate;
}

/* What the receiver took in a time, and what it turned away, by the second. */
struct flow {
	double accepted, offered, refused_share;
};

static struct flow watch(struct world *w, struct receiver *r, int64_t ms)
{
	receiver_clear(r);
	world_run(w, ms);
	double seconds = (double)ms / 1000.0;
	int64_t offered = r->accepted + r->refused;
	return (struct flow){.accepted = (double)r->accepted / seconds,
			     .offered = (double)offered / seconds,
			     .refused_share = share(r->refused, offered)};
}

void play_rate(uint64_t seed, struct bars *out)
{
	struct world w;
	world_open(&w, seed);
	double rate = (double)world_pick(&w, 5, 200);
	int64_t service_ms = world_pick(&w, 30, 300);
	(void)world_source(&w, NULL);
	struct receiver *r = world_receiver(&w, "mx.peer.example", 1, service_ms);
	r->words.rate = "451 4.7.1 You are sending too fast, slow down";
	/* Not more than our connections carry. */
	double most = 20.0 * 1000.0 / (double)(service_ms + 130);
	if (2 * rate > 0.7 * most)
		rate = 0.35 * most;
	set_rate(r, rate);
	(void)world_crowd(&w, 0, r, PLENTY);
	world_start(&w);
	struct flow first = watch(&w, r, 5 * MINUTE);
	struct flow then = watch(&w, r, 10 * MINUTE);
	set_rate(r, 2 * rate);
	world_run(&w, 10 * MINUTE);
	struct flow doubled = watch(&w, r, MINUTE);
	set_rate(r, 0.2 * rate);
	world_run(&w, 5 * SECOND);
	struct flow fallen = watch(&w, r, 10 * SECOND);
	world_close(&w);
	bar_note(out, "refused in the first 5 min", first.refused_share, 0, 0.02);
	bar_note(out, "of R after 5 min", then.accepted / rate, 0.85, 1.005);
	bar_note(out, "refused after 5 min", then.refused_share, 0, 0.02);
	bar_note(out, "of a doubled R after 10 min", doubled.accepted / (2 * rate), 0.90, 1.03);
	bar_note(out, "of a tenth of R after 5 s", fallen.offered / (0.2 * rate), 0.4, 1.5);
}

/* --------------------------------------------------------------------- a campaign that is limited
 */

/* What the second campaign gets through in ten minutes, beside a first one with this limit. */
static int64_t beside(uint64_t seed, int64_t limit)
{
	struct world w;
	world_open(&w, seed);
	(void)world_source(&w, NULL);
	struct receiver *r = world_receiver(&w, "comcast", 1, 100);
	if (limit != 0)
		(void)world_crowd(&w, 0, r, PLENTY);
	struct crowd *c = world_crowd(&w, 2, r, PLENTY);
	world_start(&w);
	if (limit != 0) {
		struct limit_rule rule = {.campaign = 1, .until_ms = LIMIT_FOREVER};
		limit_values_init(&rule.values);
		rule.values.messages[LIMIT_HOUR] = limit;
		world_limit(&w, &rule);
	}
	world_run(&w, 10 * MINUTE);
	int64_t before = c->states[RECIPIENT_DELIVERED];
	world_run(&w, 10 * MINUTE);
	int64_t delivered = c->states[RECIPIENT_DELIVERED] - before;
	world_close(&w);
	return delivered;
}

void play_neighbour(uint64_t seed, struct bars *out)
{
	int64_t alone = beside(seed, 0);
	bar_note(out, "of what it carries alone", share(beside(seed, 100), alone), 0.9, 1e9);
}
