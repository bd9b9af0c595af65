/* SPDX-License-Identifier: MIT */
/*
 * One play of a forecast: the moving copies of what the model says, and a step of time.
 *
 *   room   what a lane or a limiter still takes in this step, in messages or in seconds of
 *          connections
 */
#ifndef EDM_SCHEDULER_PLAN_FORECAST_PRIVATE_H
#define EDM_SCHEDULER_PLAN_FORECAST_PRIVATE_H

#include "scheduler/plan/forecast.h"

#define PLAY_BINS 1024
#define PLAY_BINDS 12

/* How the things that are not known turn out: 0 as likely, +1 and −1 at the ends. */
struct play_mood {
	double pace;   /* + faster */
	double shares; /* + more is put off */
	double tail;   /* through when so many are expected to be left */
};

struct play_lane {
	const struct forecast_lane *in;
	struct lane_limits limits;
	struct warmup warmup;
	double pace_per_s, connections; /* at the beginning; the pace follows the connections */
	bool shows_pace;		/* the pace is what was seen */
	bool is_open;			/* not paused, nor resting */
	bool is_spent;			/* its number of an hour or a day is used up */
	double busy_s;			/* of a connection, for one message */
	double room, pace;		/* of this step: messages by numbers, whole ones by pace */
	double sent, carry;		/* in this step; not counted yet, of all steps */
	struct forecast_bind bind;	/* what sets the room; or that it is closed */
	struct forecast_bind pace_bind; /* what sets the pace */
	struct forecast_bind closed_by; /* what keeps it while nothing can be sent */
};

struct play_limiter {
	struct limiter limiter;
	double messages, seconds, sent, carry;
	double quota, quota_s;	/* of those: for the crowd that is being served */
	size_t sharers, served; /* crowds in this turn */
	uint64_t visited;
	struct forecast_bind bind, seconds_bind;
};

struct play_crowd {
	const struct forecast_crowd *in;
	double fresh;
	double due[FORECAST_TRIES];	  /* by tries made, due now */
	float (*bins)[FORECAST_TRIES];	  /* PLAY_BINS, a ring, by when they are due */
	int64_t waits_ms[FORECAST_TRIES]; /* by tries made; 0: given up */
	double later, throttled;	  /* people in bins; of them never tried for good */
	double wants, got, cost;	  /* of this step; cost: of the time of a whole message */
	bool is_open, is_over;
	struct forecast_bind why;  /* not open */
	struct forecast_bind held; /* what stopped it in this step, on the lane that sent most … */
	double held_at;		   /* … so many */
	struct forecast_bind binds[PLAY_BINDS];
	size_t bind_count;
	double missed;
	int64_t end_ms;
};

struct play {
	const struct forecast_model *m;
	struct play_mood mood;
	int64_t now_ms, step_began_ms;
	double step_s;
	struct play_lane *lanes;
	struct play_limiter *limiters;
	struct play_crowd *crowds;
	float (*bins)[FORECAST_TRIES]; /* of all crowds */
	uint64_t visit;
	int64_t bin_ms, bin; /* width; the last one that came due */
};

/* Copies the model and finds the paces. */
void play_lanes_init(struct play *p);
/* The rooms of this step. */
void play_rooms(struct play *p);
/* Counts what was sent in this step with limiters, windows and warm-ups. */
void play_count(struct play *p);
/* When the lane can be used again: now, later or FORECAST_NEVER; *why_out if not now. */
int64_t play_lane_opens(const struct play_lane *l, int64_t now, struct forecast_bind *why_out);

/* When its numbers change: a rule ends, or what is spent is free again. FORECAST_NEVER: never. */
int64_t play_lane_changes(struct play_lane *l, int64_t now);

/* The bin of a time. */
int64_t play_bin(const struct play *p, int64_t at_ms);
/* n people of the crowd who have been tried so often are due then. */
void play_put_back(struct play *p, struct play_crowd *c, int64_t due_ms, int tries, double n);
/* Those due by now leave their bins. */
void play_come_due(struct play *p);
/* People who come back and are due; all who are left. */
double play_due(const struct play_crowd *c);
double play_left(const struct play_crowd *c);
/* How long who was put off so often waits (waits_ms[tries]): by the schedule, or what is left of
 * the time after which he is given up, if that is less; 0: he is given up. */
void play_find_waits(const struct forecast_model *m, int64_t give_up_ms, int64_t *waits_ms);
/* A share as it turns out in this play. */
double play_share(const struct play *p, const struct play_crowd *c, double share);
/* What becomes of those who were sent to in this step (got): those who come back go before those
 * who were never tried. */
void play_settle(struct play *p, struct play_crowd *c);

#endif
