/* SPDX-License-Identifier: MIT */
/*
 * AIMD with a remembered ceiling, for connections and for the rate of one lane. Pure; one owner.
 *
 * Two kinds of cut. A probe that failed (the level stood near its ceiling and had been quiet for a
 * whole hold-off) steps back a little: the level below is known to be good. Anything else is a
 * surprise and cuts hard.
 */
#include "ip-pool/controller.h"

#include <string.h>

#define HOLD_FIRST_MS INT64_C(60000)
#define HOLD_MAX_MS INT64_C(900000)
#define IDLE_MS INT64_C(600000)
#define PROBE_STEP_MS INT64_C(60000) /* connections: clean time before a step near the ceiling */
#define PROBE_COHORTS 10
#define RATE_STEP_MS INT64_C(10000)
#define STREAK_MAX 3
#define SLOT_MS INT64_C(4000)
#define METER_RECENT_SLOTS 3
#define METER_FEW 20
#define METER_SPAN_MIN_MS 50
#define DESCENT_MS INT64_C(10000) /* cuts so soon after one another are one descent */
/* Within that a refusal is no new one if it is of what was begun so soon, or after so many that
 * were taken: the receiver still counts what was too much. */
#define ECHO_MS 200
#define ECHO_PASSES 4
#define NEVER INT64_MIN

static const double near_ceiling = 0.85;
static const double past_ceiling = 1.05;
static const double fade_per_hour = 0.05;
static const double connections_cut = 0.7;
static const double rate_cut = 0.5;
static const double probe_cut = 0.9;
static const double descent_cut = 0.7;
static const double rate_step = 0.05;	    /* doubling while no ceiling is known */
static const double rate_step_near = 0.005; /* the first; each clean step makes the next longer */
static const double rate_steps_twice = 6.0; /* … twice as long after so many */
static const double rate_floor = 1.0 / 60.0;

/* -- rate meter -- */

static void meter_roll(struct rate_meter *m, int64_t now)
{
	int64_t slot = now / SLOT_MS;
	if (slot - m->newest >= CONTROLLER_METER_SLOTS) {
		memset(m->slots, 0, sizeof(m->slots));
		m->newest = slot;
		m->first_ms = now;
	}
	while (m->newest < slot)
		m->slots[(uint64_t)++m->newest % CONTROLLER_METER_SLOTS] = 0;
}

static void meter_count(struct rate_meter *m, int64_t now)
{
	meter_roll(m, now);
	m->slots[(uint64_t)m->newest % CONTROLLER_METER_SLOTS]++;
}

static uint64_t meter_sum(const struct rate_meter *m, int64_t slots)
{
	uint64_t n = 0;
	for (int64_t i = 0; i < slots; i++)
		n += m->slots[(uint64_t)(m->newest - i) % CONTROLLER_METER_SLOTS];
	return n;
}

static void meter_add(struct rate_meter *m, const struct rate_meter *other, int64_t now)
{
	struct rate_meter o = *other;
	meter_roll(m, now);
	meter_roll(&o, now);
	for (size_t i = 0; i < CONTROLLER_METER_SLOTS; i++)
		m->slots[i] += o.slots[i];
	if (o.first_ms < m->first_ms)
		m->first_ms = o.first_ms;
}

/* Events a second: over the last seconds, or over a minute where they are few. */
static double meter_rate(struct rate_meter *m, int64_t now)
{
	meter_roll(m, now);
	int64_t slots = METER_RECENT_SLOTS;
	if (meter_sum(m, slots) < METER_FEW)
		slots = CONTROLLER_METER_SLOTS;
	int64_t span_ms = (slots - 1) * SLOT_MS + now % SLOT_MS + 1;
	if (now - m->first_ms + 1 < span_ms)
		span_ms = now - m->first_ms + 1;
	if (span_ms < METER_SPAN_MIN_MS)
		span_ms = METER_SPAN_MIN_MS;
	return (double)meter_sum(m, slots) * 1000.0 / (double)span_ms;
}

/* -- one quantity -- */

static void control_init(struct control *k, double level, int64_t now)
{
	*k = (struct control){.level = level,
			      .ceiling_ms = now,
			      .cut_ms = NEVER,
			      .hold_ms = HOLD_FIRST_MS,
			      .grow_ms = now};
}

static double ceiling_at(const struct control *k, int64_t now)
{
	double hours = (double)(now - k->ceiling_ms) / 3600000.0;
	return k->ceiling * (1.0 + fade_per_hour * hours);
}

static bool is_held(const struct control *k, int64_t now)
{
	return k->cut_ms != NEVER && now < k->cut_ms + k->hold_ms;
}

/* Was the level that failed no more than a careful step? */
static bool was_probe(const struct control *k, double failed, int64_t now)
{
	return k->ceiling > 0 && failed >= near_ceiling * k->ceiling && !is_held(k, now);
}

/* Opens an epoch: remembers the level that failed and sets the hold-off. */
static void control_cut(struct control *k, double failed, double level, int64_t now)
{
	int64_t since = k->cut_ms != NEVER ? now - k->cut_ms : HOLD_MAX_MS;
	if (since > k->hold_ms + HOLD_FIRST_MS / 2)
		k->hold_ms = HOLD_FIRST_MS;
	else if (since > DESCENT_MS)
		k->hold_ms = k->hold_ms * 2 < HOLD_MAX_MS ? k->hold_ms * 2 : HOLD_MAX_MS;
	k->streak = k->near_steps = 0;
	k->ceiling = failed;
	k->ceiling_ms = now;
	k->level = level;
	k->cut_ms = now;
	k->grow_ms = now + k->hold_ms;
	k->has_signal = true;
}

/* -- life -- */

void controller_init(struct controller *c, int64_t initial_connections, int64_t now)
{
	memset(c, 0, sizeof(*c));
	c->initial = initial_connections > 0 ? initial_connections : 1;
	control_init(&c->connections, (double)c->initial, now);
	control_init(&c->rate, 0.0, now);
	c->last_send_ms = now;
	c->next_ns = now * INT64_C(1000000);
	c->sent.newest = c->accepted.newest = now / SLOT_MS;
	c->sent.first_ms = c->accepted.first_ms = now;
}

int64_t controller_connections(const struct controller *c)
{
	return (int64_t)c->connections.level;
}

double controller_rate(const struct controller *c)
{
	return c->rate.level;
}

int64_t controller_held_until(const struct controller *c, int64_t now)
{
	int64_t until = now;
	if (is_held(&c->connections, now))
		until = c->connections.cut_ms + c->connections.hold_ms;
	if (is_held(&c->rate, now) && c->rate.cut_ms + c->rate.hold_ms > until)
		until = c->rate.cut_ms + c->rate.hold_ms;
	return until;
}

/* -- spacing by the learnt rate -- */

static int64_t spacing_ns(const struct controller *c)
{
	return (int64_t)(1e9 / c->rate.level);
}

/* Up to 20 ms early, so that one timer tick may release several messages of a fast lane. */
static int64_t tolerance_ns(int64_t spacing)
{
	int64_t tick = INT64_C(20000000);
	return spacing < tick ? tick - spacing : 0;
}

int64_t controller_ready_at(const struct controller *c, int64_t now)
{
	if (c->rate.level <= 0)
		return now;
	int64_t spacing = spacing_ns(c);
	int64_t at_ns = c->next_ns - tolerance_ns(spacing);
	int64_t at = (at_ns + INT64_C(999999)) / INT64_C(1000000);
	return at > now ? at : now;
}

void controller_on_send(struct controller *c, int64_t open, int64_t now)
{
	if (now - c->last_send_ms > IDLE_MS)
		controller_restart(c, now);
	c->last_send_ms = now;
	meter_count(&c->sent, now);
	if (open >= controller_connections(c))
		c->was_full = true;
	if (c->rate.level <= 0)
		return;
	int64_t now_ns = now * INT64_C(1000000);
	int64_t spacing = spacing_ns(c);
	if (c->next_ns < now_ns)
		c->next_ns = now_ns;
	if (c->next_ns > now_ns + tolerance_ns(spacing) + spacing)
		c->next_ns = now_ns + tolerance_ns(spacing) + spacing;
	c->next_ns += spacing;
}

void controller_add_past(struct controller *c, const struct controller *other, int64_t now)
{
	meter_add(&c->sent, &other->sent, now);
	meter_add(&c->accepted, &other->accepted, now);
}

/* -- growth -- */

static int64_t hold_end(const struct control *k, int64_t now)
{
	return is_held(k, now) ? k->cut_ms + k->hold_ms : now;
}

void controller_next_connections(const struct controller *c, int64_t now,
				 struct controller_step *out)
{
	const struct control *k = &c->connections;
	int64_t cohort = controller_connections(c);
	double next = k->has_signal ? k->level + 1 : k->level * 2;
	bool is_near = k->ceiling > 0 && next >= near_ceiling * ceiling_at(k, now);
	int64_t needed = is_near ? PROBE_COHORTS * cohort : cohort;
	*out = (struct controller_step){.to = next, .at_ms = hold_end(k, now)};
	if (needed > c->cohort)
		out->messages = needed - c->cohort;
	if (is_near && k->grow_ms + PROBE_STEP_MS > out->at_ms)
		out->at_ms = k->grow_ms + PROBE_STEP_MS;
}

static void grow_connections(struct controller *c, int64_t now)
{
	struct control *k = &c->connections;
	struct controller_step step;
	if (c->cohort < controller_connections(c))
		return;
	controller_next_connections(c, now, &step);
	if (step.messages > 0 || step.at_ms > now)
		return;
	if (c->was_full) {
		if (k->ceiling > 0 && k->level >= ceiling_at(k, now))
			k->ceiling = 0; /* it holds what once failed */
		k->level = step.to;
		k->grow_ms = now;
	}
	c->cohort = 0;
	c->was_full = false;
}

/* Not yet past it: what is well above what failed is free of it. */
static bool is_near_ceiling(const struct control *k, int64_t now)
{
	double ceiling = ceiling_at(k, now);
	return k->ceiling > 0 && k->level >= near_ceiling * ceiling &&
	       k->level <= past_ceiling * ceiling;
}

/* The level after the next growth of the rate. A ceiling is approached slowly, but the longer that
 * goes well the less it says. */
static double next_rate(const struct control *k, int64_t now)
{
	double step = k->level * rate_step * (double)(1 << k->streak);
	double careful = rate_step_near * (1.0 + k->near_steps / rate_steps_twice);
	if (is_near_ceiling(k, now))
		return k->level * (1.0 + (careful < rate_step ? careful : rate_step));
	return k->level + (step > rate_floor ? step : rate_floor);
}

bool controller_next_rate(const struct controller *c, int64_t now, struct controller_step *out)
{
	const struct control *k = &c->rate;
	if (k->level <= 0)
		return false;
	*out = (struct controller_step){.to = next_rate(k, now), .at_ms = hold_end(k, now)};
	if (k->grow_ms + RATE_STEP_MS > out->at_ms)
		out->at_ms = k->grow_ms + RATE_STEP_MS;
	return true;
}

double controller_sent_rate(const struct controller *c, int64_t now)
{
	struct rate_meter sent = c->sent;
	return meter_rate(&sent, now);
}

static void grow_rate(struct controller *c, int64_t now)
{
	struct control *k = &c->rate;
	struct controller_step step;
	if (!controller_next_rate(c, now, &step) || now < step.at_ms)
		return;
	k->grow_ms = now;
	if (meter_rate(&c->sent, now) < near_ceiling * k->level)
		return; /* not tried, so not known to be good */
	if (k->ceiling > 0 && k->level > past_ceiling * ceiling_at(k, now))
		k->ceiling = 0;
	k->level = step.to;
	int64_t next_ns = now * INT64_C(1000000) + spacing_ns(c);
	if (c->next_ns > next_ns)
		c->next_ns = next_ns; /* a raise holds at once */
	if (is_near_ceiling(k, now))
		k->near_steps++;
	if (k->ceiling <= 0 && k->streak < STREAK_MAX)
		k->streak++;
}

void controller_on_answer(struct controller *c, bool is_clean, int64_t begun_ms, int64_t now)
{
	if (begun_ms > c->rate.cut_ms && c->rate.passes < ECHO_PASSES)
		c->rate.passes++;
	meter_count(&c->accepted, now);
	grow_rate(c, now);
	if (!is_clean)
		return;
	c->cohort++;
	grow_connections(c, now);
}

/* -- cuts -- */

bool controller_cut_connections(struct controller *c, int64_t begun_ms, int64_t open, int64_t now)
{
	struct control *k = &c->connections;
	if (k->cut_ms != NEVER && begun_ms <= k->cut_ms)
		return false;
	double failed = (double)(int64_t)k->level;
	if (open >= 1 && (double)open < failed)
		failed = (double)open;
	double level = failed * connections_cut;
	if (was_probe(k, failed, now))
		level = failed >= 20 ? failed * probe_cut : failed - 1;
	control_cut(k, failed, level < 1 ? 1 : (double)(int64_t)level, now);
	c->cohort = 0;
	c->was_full = false;
	return true;
}

enum rate_refusal controller_look_at_refusal(const struct controller *c, int64_t begun_ms,
					     int64_t now)
{
	const struct control *k = &c->rate;
	if (k->level <= 0 || k->cut_ms == NEVER || begun_ms < k->cut_ms + DESCENT_MS)
		return REFUSAL_OF_CUT;
	bool is_below = k->ceiling > 0 && k->level < near_ceiling * ceiling_at(k, now);
	return is_below || is_held(k, now) ? REFUSAL_IN_VAIN : REFUSAL_OF_STEP;
}

static bool is_descent(const struct control *k, int64_t now)
{
	return k->cut_ms != NEVER && now - k->cut_ms < DESCENT_MS;
}

/* Does the refusal say no more than the last cut did? It is the last refusal from now on. */
static bool is_echo(struct control *k, int64_t begun_ms, int64_t now)
{
	if (k->cut_ms != NEVER && begun_ms <= k->cut_ms + ECHO_MS)
		return true;
	int passes = k->passes;
	k->passes = 0;
	return is_descent(k, now) && passes >= ECHO_PASSES;
}

bool controller_cut_rate(struct controller *c, int64_t begun_ms, int64_t now)
{
	struct control *k = &c->rate;
	if (is_echo(k, begun_ms, now))
		return false;
	double sent = meter_rate(&c->sent, now);
	double failed = k->level > 0 && k->level < sent ? k->level : sent;
	if (k->level > 0 && failed < k->level / 2)
		failed = k->level / 2; /* a quiet moment says little */
	/* What the receiver took lately is a good level, unless it changed its mind just now. */
	bool is_probe = was_probe(k, failed, now);
	double lowest = failed * (is_probe ? probe_cut : rate_cut);
	double highest = failed * (is_descent(k, now) ? descent_cut : probe_cut);
	double level = meter_rate(&c->accepted, now) * probe_cut;
	if (level > highest)
		level = highest;
	if (level < lowest)
		level = lowest;
	control_cut(k, failed, level < rate_floor ? rate_floor : level, now);
	if (now - c->sent.first_ms < DESCENT_MS)
		k->ceiling = 0; /* a burst at the start says nothing about a lasting rate */
	return true;
}

void controller_restore_rate(struct controller *c, const struct control *before, int64_t now)
{
	if (c->rate.level <= 0 || (before->level > 0 && before->level < c->rate.level))
		return;
	c->rate = *before;
	c->rate.grow_ms = now;
	c->next_ns = now * INT64_C(1000000);
}

void controller_restart(struct controller *c, int64_t now)
{
	if (c->connections.level > (double)c->initial)
		c->connections.level = (double)c->initial;
	if (c->rate.level > 0 && c->rate.ceiling > 0 && c->rate.level > c->rate.ceiling * rate_cut)
		c->rate.level = c->rate.ceiling * rate_cut;
	c->cohort = 0;
	c->was_full = false;
	if (c->connections.grow_ms < now)
		c->connections.grow_ms = now;
	if (c->rate.grow_ms < now)
		c->rate.grow_ms = now;
}

void controller_crawl(struct controller *c, int64_t now)
{
	double sent = meter_rate(&c->sent, now);
	control_cut(&c->rate, c->rate.level > sent ? c->rate.level : sent, rate_floor, now);
}

void controller_forget(struct controller *c, int64_t now)
{
	struct controller fresh;
	controller_init(&fresh, c->initial, now);
	fresh.sent = c->sent;
	fresh.accepted = c->accepted;
	*c = fresh;
}

/* -- over a restart -- */

static int64_t age_of_cut(const struct control *k, int64_t now)
{
	return k->cut_ms == NEVER ? -1 : now - k->cut_ms;
}

void controller_save(const struct controller *c, int64_t now, struct controller_state *state_out)
{
	*state_out = (struct controller_state){
		.connections = c->connections.level,
		.connections_ceiling = c->connections.ceiling,
		.rate = c->rate.level,
		.rate_ceiling = c->rate.ceiling,
		.connections_cut_age_ms = age_of_cut(&c->connections, now),
		.rate_cut_age_ms = age_of_cut(&c->rate, now),
		.connections_hold_ms = c->connections.hold_ms,
		.rate_hold_ms = c->rate.hold_ms,
		.ceiling_age_ms = now - c->connections.ceiling_ms,
		.rate_ceiling_age_ms = now - c->rate.ceiling_ms,
	};
}

static void control_load(struct control *k, int64_t cut_age_ms, int64_t hold_ms, int64_t now)
{
	if (hold_ms >= HOLD_FIRST_MS && hold_ms <= HOLD_MAX_MS)
		k->hold_ms = hold_ms;
	if (cut_age_ms < 0)
		return;
	k->has_signal = true;
	k->cut_ms = now - cut_age_ms;
	if (k->cut_ms + k->hold_ms > k->grow_ms)
		k->grow_ms = k->cut_ms + k->hold_ms;
}

void controller_load(struct controller *c, const struct controller_state *state, int64_t age_ms,
		     int64_t now)
{
	int64_t then = now - age_ms;
	if (state->connections >= 1)
		c->connections.level = state->connections;
	c->connections.ceiling = state->connections_ceiling;
	c->connections.ceiling_ms = then - state->ceiling_age_ms;
	control_load(&c->connections, state->connections_cut_age_ms, state->connections_hold_ms,
		     then);
	c->rate.level = state->rate;
	c->rate.ceiling = state->rate_ceiling;
	c->rate.ceiling_ms = then - state->rate_ceiling_age_ms;
	control_load(&c->rate, state->rate_cut_age_ms, state->rate_hold_ms, then);
	controller_restart(c, now);
}
