/* SPDX-License-Identifier: MIT */
/*
 * The controller of one lane: finds out how many connections and which rate the receiver takes.
 *
 * AIMD with a memory. Before the first signal the connections double with every clean cohort (as
 * many clean messages as there are connections, with all of them in use); after it they grow by
 * one. A signal cuts once per epoch: replies to what began before the cut do not cut again. The
 * level that failed is the ceiling; near it growth is slow, of a rate a little faster with each
 * clean step, passing it cleanly forgets it, and it fades by 5 % an hour. After a cut nothing grows
 * for a hold-off (60 s, doubling to 15 min while cuts repeat). A rate is unlimited until the first
 * rate signal and then starts from what the receiver took. Only rate and connection signals feed
 * it; bad addresses do not.
 *
 * The caps of operator, profile and warm-up stand above it: the lane takes the tighter number.
 * Times are monotonic milliseconds. One owner; pure.
 */
#ifndef EDM_IP_POOL_CONTROLLER_H
#define EDM_IP_POOL_CONTROLLER_H

#include <stdbool.h>
#include <stdint.h>

#define CONTROLLER_METER_SLOTS 16

/* Events of the last minute in slots of 4 s. */
struct rate_meter {
	uint32_t slots[CONTROLLER_METER_SLOTS];
	int64_t newest;	  /* slot number of now */
	int64_t first_ms; /* the first event of this run of activity */
};

/* One quantity under control: connections, or messages a second. */
struct control {
	double level;	/* what is allowed now; 0 = not limited (a rate before its first signal) */
	double ceiling; /* the lowest level known to fail; 0 = none */
	int64_t ceiling_ms; /* when it failed, for its fading */
	int64_t cut_ms;	    /* the last cut: the epoch began then */
	int64_t hold_ms;    /* length of the present hold-off */
	int64_t grow_ms;    /* the last growth, or the end of the hold-off */
	int streak;	    /* rate: growth steps beyond every known ceiling */
	int near_steps;	    /* rate: those near the ceiling since it was set */
	int passes; /* rate: taken since the last refusal, begun after the cut; as far as counts */
	bool has_signal; /* a cut was ever made */
};

struct controller {
	struct control connections;
	struct control rate;
	int64_t initial;      /* connections at start and after idleness */
	int64_t cohort;	      /* clean messages since the last growth of connections */
	bool was_full;	      /* every allowed connection was in use during this cohort */
	int64_t last_send_ms; /* the last MAIL */
	int64_t next_ns;      /* spacing of the learnt rate (GCRA's TAT) */
	struct rate_meter sent;
	struct rate_meter accepted; /* answered without a rate signal */
};

/* What survives a restart (table lane_state); ages instead of times. */
struct controller_state {
	double connections, connections_ceiling;
	double rate, rate_ceiling;			 /* messages a second; 0 = none */
	int64_t connections_cut_age_ms, rate_cut_age_ms; /* -1: never cut */
	int64_t connections_hold_ms, rate_hold_ms;
	int64_t ceiling_age_ms, rate_ceiling_age_ms;
};

void controller_init(struct controller *c, int64_t initial_connections, int64_t now);

/* Connections allowed now, at least 1. */
int64_t controller_connections(const struct controller *c);
/* Messages a second allowed now; 0: no rate was learnt. */
double controller_rate(const struct controller *c);
/* The end of the hold-off of connections or rate if one is running, else now. */
int64_t controller_held_until(const struct controller *c, int64_t now);
/* The next growth: to that level, not before at_ms, and after so many clean answers more. */
struct controller_step {
	double to;
	int64_t at_ms;
	int64_t messages;
};
/* Of the connections, if all are in use meanwhile. */
void controller_next_connections(const struct controller *c, int64_t now,
				 struct controller_step *out);
/* Of the learnt rate, if it is used meanwhile; false: none was learnt. */
bool controller_next_rate(const struct controller *c, int64_t now, struct controller_step *out);
/* Messages a second sent lately: over the last seconds, or over a minute where they are few. */
double controller_sent_rate(const struct controller *c, int64_t now);
/* When the learnt rate lets the next message go: now or later. */
int64_t controller_ready_at(const struct controller *c, int64_t now);

/* A MAIL is about to be sent, while open connections are open. */
void controller_on_send(struct controller *c, int64_t open, int64_t now);
/* Counts what another one sent and what was taken of it lately, on top of its own. */
void controller_add_past(struct controller *c, const struct controller *other, int64_t now);
/* The receiver answered what was begun then without a rate or connection signal; is_clean: it was a
 * delivery. */
void controller_on_answer(struct controller *c, bool is_clean, int64_t begun_ms, int64_t now);
/* What a rate refusal says of the last cut; to be asked before it is told. */
enum rate_refusal {
	REFUSAL_OF_CUT,	 /* nothing: it belongs to it, follows at once, or is the first */
	REFUSAL_OF_STEP, /* it was right: only since it grew again there is one more */
	REFUSAL_IN_VAIN	 /* it changed nothing: it has not grown since, or stands well below */
};
enum rate_refusal controller_look_at_refusal(const struct controller *c, int64_t begun_ms,
					     int64_t now);
/*
 * The receiver wants fewer connections (a lower rate). begun_ms: when the connection was begun
 * (the message's MAIL); open: connections open then, the refused one included. Returns true if it
 * was a cut, false if it belongs to an epoch already punished: what was begun before it, and single
 * refusals right after a cut of a rate, while the receiver still counts what was too much.
 */
bool controller_cut_connections(struct controller *c, int64_t begun_ms, int64_t open, int64_t now);
bool controller_cut_rate(struct controller *c, int64_t begun_ms, int64_t now);
/* Takes cuts of the rate back: it stands as it did before, unless it is less limited now. */
void controller_restore_rate(struct controller *c, const struct control *before, int64_t now);
/* Start again from the initial connections: after idleness, an outage, a pause. */
void controller_restart(struct controller *c, int64_t now);

/* The lowest rate from now on, from which it grows while that goes well. */
void controller_crawl(struct controller *c, int64_t now);

/* Forgets all it has learnt, and starts as it did at first; what it sent lately it still knows. */
void controller_forget(struct controller *c, int64_t now);

void controller_save(const struct controller *c, int64_t now, struct controller_state *state_out);
/* c must be initialised. age_ms: how long ago the state was saved. */
void controller_load(struct controller *c, const struct controller_state *state, int64_t age_ms,
		     int64_t now);

#endif
