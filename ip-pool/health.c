/* SPDX-License-Identifier: MIT */
/* Rests after blocks and throttles, and dead sites. Pure; one owner. */
#include "ip-pool/health.h"

#include "engine/base/must.h"

#define REST_DEFAULT_MS INT64_C(300000)
#define REST_MAX_MS INT64_C(86400000)
#define BRIEF_FIRST_MS INT64_C(5000)
#define LADDER_FORGETS_MS INT64_C(86400000)
#define PROBE_FIRST_MS INT64_C(30000)
#define PROBE_MAX_MS INT64_C(900000)
#define DEAD_AFTER_MIN 3.0 /* a site with few connections gets this many chances */

static const int64_t ladder[] = {1, 12, 48};

void health_init(struct health *h)
{
	*h = (struct health){.rest_began_ms = INT64_MIN, .probe_wait_ms = PROBE_FIRST_MS};
}

static int64_t rest_of(int64_t delay_ms, int64_t times)
{
	if (delay_ms <= 0)
		delay_ms = REST_DEFAULT_MS;
	return delay_ms > REST_MAX_MS / times ? REST_MAX_MS : delay_ms * times;
}

static void rest(struct health *h, bool is_blocked, int64_t rest_ms, int64_t now)
{
	h->rest_began_ms = h->rest_since_ms = now;
	h->rests_until_ms = now + rest_ms;
	h->is_blocked = is_blocked;
}

bool health_rest(struct health *h, bool is_blocked, int64_t delay_ms, int64_t begun_ms, int64_t now)
{
	const unsigned rungs = (unsigned)ARRAY_LEN(ladder);
	if (begun_ms <= h->rest_began_ms)
		return false;
	if (h->rests > 0 && now - h->rests_until_ms > LADDER_FORGETS_MS)
		h->rests = 0;
	rest(h, is_blocked, rest_of(delay_ms, ladder[h->rests < rungs ? h->rests : rungs - 1]),
	     now);
	if (h->rests < rungs)
		h->rests++;
	return true;
}

bool health_rest_once(struct health *h, bool is_blocked, int64_t delay_ms, int64_t begun_ms,
		      int64_t now)
{
	if (begun_ms <= h->rest_began_ms)
		return false;
	rest(h, is_blocked, rest_of(delay_ms, 1), now);
	return true;
}

bool health_rest_briefly(struct health *h, int64_t delay_ms, int64_t begun_ms, int64_t now)
{
	int64_t most_ms = rest_of(delay_ms, 1);
	int64_t wait_ms = BRIEF_FIRST_MS << h->refused;
	if (begun_ms <= h->rest_began_ms)
		return false;
	if (wait_ms < most_ms)
		h->refused++;
	rest(h, false, wait_ms < most_ms ? wait_ms : most_ms, now);
	return true;
}

void health_resume(struct health *h, int64_t now)
{
	if (h->rests_until_ms > now)
		h->rests_until_ms = now;
	h->is_blocked = false;
	h->rests = 0;
}

bool health_on_failure(struct health *h, int64_t open, int64_t begun_ms, int64_t now)
{
	if (h->dead_since_ms != 0) {
		if (begun_ms <= h->dead_since_ms)
			return false;
		h->probe_at_ms = now + h->probe_wait_ms;
		h->probe_wait_ms *= 2;
		if (h->probe_wait_ms > PROBE_MAX_MS)
			h->probe_wait_ms = PROBE_MAX_MS;
		return false;
	}
	double cohort = open > (int64_t)DEAD_AFTER_MIN ? (double)open : DEAD_AFTER_MIN;
	h->failed_cohort += 1.0 / cohort;
	if (h->failed_cohort < 0.999)
		return false;
	h->dead_since_ms = now;
	h->probe_at_ms = now + PROBE_FIRST_MS;
	h->probe_wait_ms = PROBE_FIRST_MS * 2;
	return true;
}

bool health_on_greeting(struct health *h)
{
	bool was_dead = h->dead_since_ms != 0;
	h->failed_cohort = 0;
	h->refused = 0;
	h->dead_since_ms = 0;
	h->probe_at_ms = 0;
	h->probe_wait_ms = PROBE_FIRST_MS;
	return was_dead;
}

void health_probe(struct health *h, int64_t now)
{
	if (h->probe_at_ms > now)
		h->probe_at_ms = now;
}

bool health_is_dead(const struct health *h)
{
	return h->dead_since_ms != 0;
}

int64_t health_connection_at(const struct health *h, int64_t open, int64_t now)
{
	int64_t at = health_message_at(h, now);
	if (h->dead_since_ms == 0)
		return at;
	if (open > 0)
		return INT64_MAX;
	return h->probe_at_ms > at ? h->probe_at_ms : at;
}

int64_t health_message_at(const struct health *h, int64_t now)
{
	return h->rests_until_ms > now ? h->rests_until_ms : now;
}

void health_save(const struct health *h, int64_t now, struct health_state *state_out)
{
	*state_out = (struct health_state){
		.rest_left_ms = h->rests_until_ms > now ? h->rests_until_ms - now : 0,
		.rest_age_ms = h->rest_since_ms != 0 ? now - h->rest_since_ms : 0,
		.rests = h->rests,
		.is_blocked = h->is_blocked,
		.dead_for_ms = h->dead_since_ms != 0 ? now - h->dead_since_ms : -1,
		.probe_left_ms =
			h->dead_since_ms != 0 && h->probe_at_ms > now ? h->probe_at_ms - now : 0,
	};
}

void health_load(struct health *h, const struct health_state *state, int64_t age_ms, int64_t now)
{
	health_init(h);
	h->rests = state->rests;
	h->is_blocked = state->is_blocked;
	h->rests_until_ms = now - age_ms + state->rest_left_ms;
	if (h->rests_until_ms > now)
		h->rest_began_ms = now;
	if (state->rest_age_ms > 0)
		h->rest_since_ms = now - age_ms - state->rest_age_ms;
	if (state->dead_for_ms < 0)
		return;
	h->dead_since_ms = now - age_ms - state->dead_for_ms;
	if (h->dead_since_ms == 0)
		h->dead_since_ms = -1; /* 0 means alive */
	h->probe_at_ms = now;
}
