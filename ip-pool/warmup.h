/* SPDX-License-Identifier: MIT */
/*
 * Warm-up of one lane: how much mail a new source may send to a provider in a day.
 *
 * A plan is a curve of daily budgets (messages in any 24 h). A lane stands on one step of it and
 * moves on after a day that was used and clean: at least half of the budget sent, fewer than 5 %
 * deferred or throttled, no block. With a block, or more than 15 % deferred, it goes one step back,
 * as soon as that is plain; to come back to where that was takes two such days, then four, then
 * eight, until one there is clean. After the last step the lane is warm. What does not fit goes to
 * warm sources: the budget is only a cap, and choose looks elsewhere. What a receiver says about a
 * recipient (a full mailbox, a greylist) is no deferral here.
 * Times are monotonic milliseconds. Pure.
 */
#ifndef EDM_IP_POOL_WARMUP_H
#define EDM_IP_POOL_WARMUP_H

#include <stddef.h>

#include "engine/base/err.h"
#include "engine/base/str.h"

#define WARMUP_STEPS_MAX 60

struct warmup_plan {
	int64_t budgets[WARMUP_STEPS_MAX]; /* messages a day, never falling, at most ×2.5 a step */
	size_t count;
	int64_t begun_us; /* when it was made, by which plans are told apart; 0: not known */
};

struct warmup {
	struct warmup_plan plan;
	size_t step;	  /* plan.count: warm */
	bool is_held;	  /* by an operator: stays on its step */
	int64_t advanced; /* operators' steps forward taken so far */
	int64_t day_began_ms;
	int64_t sent, deferred, blocked; /* of this day */
	int64_t failed_step;		 /* the one it last came back from */
	int64_t patience;		 /* a step below that takes 2^patience clean days */
	int64_t clean_days;		 /* so far */
};

/* What the end of a day did. */
enum warmup_move { WARMUP_NOT_YET, WARMUP_ADVANCED, WARMUP_STAYED, WARMUP_BACK, WARMUP_WARM };

/* The built-in curve, 50, 100, 200, 500, 1000, 2000, 5000 …, as far as it is below target messages
 * a day, and target (> 0) as the last step. */
void warmup_plan_default(struct warmup_plan *plan_out, int64_t target);
/* "50,100,500"; refuses empty, falling, or too steep curves with a sentence (ERR_USAGE). */
int warmup_plan_parse(struct str text, struct warmup_plan *plan_out, struct err *err) NODISCARD;

void warmup_init(struct warmup *w, const struct warmup_plan *plan, int64_t now);
/* The source's plan as it is now: another one begins at its first step. */
void warmup_bind(struct warmup *w, const struct warmup_plan *plan, int64_t now);
/* Messages in any 24 h now; -1 when warm. */
int64_t warmup_budget(const struct warmup *w);
/* A message was answered. */
void warmup_on_answer(struct warmup *w, bool was_deferred, bool was_blocked);
/* Ends the day when it is over. */
enum warmup_move warmup_tick(struct warmup *w, int64_t now);
/* Operators have asked for so many steps forward in all: takes those not yet taken. */
void warmup_follow(struct warmup *w, int64_t advanced, bool is_held, int64_t now);

#endif
