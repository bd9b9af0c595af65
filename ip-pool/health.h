/* SPDX-License-Identifier: MIT */
/*
 * The health of one lane: blocked, asked to pause, or its site dead.
 *
 * Block or pause: the lane rests for the time the rule asks; when it happens again soon after, the
 * rest climbs a ladder (×1, ×12, ×48; at most a day). It never suppresses anybody.
 * Refused the only connection: the lane rests for the time the rule asks, before it connects again.
 * Dead site: connections fail without one success. Each failure weighs 1/N with N connections in
 * use; above one whole cohort the site is dead, and one connection probes it, after 30 s doubling
 * to 15 min. The first connection that is greeted makes it alive. Times are monotonic milliseconds.
 * One owner; pure.
 */
#ifndef EDM_IP_POOL_HEALTH_H
#define EDM_IP_POOL_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

struct health {
	int64_t rest_began_ms;	/* what was begun before asks for nothing new */
	int64_t rest_since_ms;	/* the last rest began then; 0 = not known */
	int64_t rests_until_ms; /* no new message before; 0 = none */
	unsigned rests;		/* rungs climbed */
	bool is_blocked;	/* the rest is because of a block, not of a throttle */
	double failed_cohort;	/* Σ 1/N of consecutive failed connections */
	int64_t dead_since_ms;	/* 0 = alive */
	int64_t probe_at_ms;	/* dead: when one connection may try */
	int64_t probe_wait_ms;	/* the wait after the next failed probe */
	unsigned refused;	/* rests of health_rest_briefly since a greeting */
};

/* What survives a restart. */
struct health_state {
	int64_t rest_left_ms; /* 0 = none */
	int64_t rest_age_ms;  /* since it began; 0 = not known */
	unsigned rests;
	bool is_blocked;
	int64_t dead_for_ms;   /* -1 = alive */
	int64_t probe_left_ms; /* dead: until the next probe, for whoever looks; a load probes at
				  once */
};

void health_init(struct health *h);
/*
 * The receiver asks, in reply to what was begun at begun_ms, for a rest of delay_ms (0: 5 min).
 * Returns true if this begins a rest; false if it was begun before the present or last one.
 */
bool health_rest(struct health *h, bool is_blocked, int64_t delay_ms, int64_t begun_ms,
		 int64_t now);
/* The same, of just that long: no rung is climbed, none is asked. */
bool health_rest_once(struct health *h, bool is_blocked, int64_t delay_ms, int64_t begun_ms,
		      int64_t now);
/* The same, where it may soon be over: 5 s, doubling to that long until a connection is greeted. */
bool health_rest_briefly(struct health *h, int64_t delay_ms, int64_t begun_ms, int64_t now);
/* An operator lifts the rest. */
void health_resume(struct health *h, int64_t now);
/* A connection begun at begun_ms failed before a greeting, with open connections in use; true if it
 * died of it. What was begun before it died says nothing new. */
bool health_on_failure(struct health *h, int64_t open, int64_t begun_ms, int64_t now);
/* A connection was greeted; true if the site was dead. */
bool health_on_greeting(struct health *h);
/* There is reason to believe that it lives: a dead one may be probed at once. */
void health_probe(struct health *h, int64_t now);
bool health_is_dead(const struct health *h);
/* When a connection may be tried: now, or the end of the rest, or the next probe; INT64_MAX while
 * a probe (one of open connections) is under way. */
int64_t health_connection_at(const struct health *h, int64_t open, int64_t now);
/* When a message may be sent: now, or the end of the rest. */
int64_t health_message_at(const struct health *h, int64_t now);

void health_save(const struct health *h, int64_t now, struct health_state *state_out);
void health_load(struct health *h, const struct health_state *state, int64_t age_ms, int64_t now);

#endif
