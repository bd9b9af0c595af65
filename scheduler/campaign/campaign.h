/* SPDX-License-Identifier: MIT */
/*
 * The states of a campaign and its legal moves. Pure.
 *
 *	draft ⇄ scheduled → running ⇄ paused → finished        any but finished → cancelled
 *
 * Building the audience is no state: it is `complete = false` of running or paused. Resending (to
 * people whose outcome is unknown, say) moves finished back to running. Numbers are stored in the
 * database: append, never renumber.
 */
#ifndef EDM_SCHEDULER_CAMPAIGN_CAMPAIGN_H
#define EDM_SCHEDULER_CAMPAIGN_CAMPAIGN_H

#include "engine/base/err.h"
#include "engine/base/str.h"

/* X(suffix, number, name) */
#define CAMPAIGN_STATES(X)                                                                         \
	X(DRAFT, 1, "draft")                                                                       \
	X(SCHEDULED, 2, "scheduled")                                                               \
	X(RUNNING, 3, "running")                                                                   \
	X(PAUSED, 4, "paused")                                                                     \
	X(FINISHED, 5, "finished")                                                                 \
	X(CANCELLED, 6, "cancelled")

/* Why a campaign is paused. X(suffix, number, name) */
#define PAUSE_REASONS(X)                                                                           \
	X(NONE, 0, "")                                                                             \
	X(OPERATOR, 1, "operator")                                                                 \
	X(BRAKE, 2, "brake")                                                                       \
	X(LATE, 3, "late")                                                                         \
	X(PREFLIGHT, 4, "preflight")

/* What is asked of a campaign. X(suffix, name, states it is legal in as a bit set, state after) */
#define CAMPAIGN_MOVES(X)                                                                          \
	X(SCHEDULE, "schedule", IN(DRAFT) | IN(SCHEDULED), SCHEDULED)                              \
	X(UNSCHEDULE, "unschedule", IN(SCHEDULED), DRAFT)                                          \
	X(START, "start", IN(DRAFT) | IN(SCHEDULED), RUNNING)                                      \
	X(PAUSE, "pause", IN(RUNNING), PAUSED)                                                     \
	X(RESUME, "resume", IN(PAUSED), RUNNING)                                                   \
	X(CANCEL, "cancel", IN(DRAFT) | IN(SCHEDULED) | IN(RUNNING) | IN(PAUSED), CANCELLED)       \
	X(FINISH, "finish", IN(RUNNING), FINISHED)                                                 \
	X(RESEND, "resend", IN(RUNNING) | IN(PAUSED) | IN(FINISHED), RUNNING)                      \
	X(EDIT, "edit", IN(DRAFT) | IN(SCHEDULED) | IN(PAUSED), DRAFT)

#define X(suffix, number, name) CAMPAIGN_##suffix = number,
enum campaign_state { CAMPAIGN_STATES(X) };
#undef X
#define X(suffix, number, name) PAUSED_##suffix = number,
enum pause_reason { PAUSE_REASONS(X) };
#undef X
#define X(suffix, name, legal, after) MOVE_##suffix,
enum campaign_move { CAMPAIGN_MOVES(X) };
#undef X

const char *campaign_state_name(enum campaign_state state);
const char *pause_reason_name(enum pause_reason reason);
int campaign_state_parse(struct str name, enum campaign_state *out) NODISCARD;
bool campaign_is_final(enum campaign_state state);

/*
 * The state after the move. An illegal one is ERR_REFUSED with a sentence that names the state and
 * the moves legal in it. EDIT and, in running and paused, RESEND leave the state as it is.
 */
int campaign_move(const char *campaign, enum campaign_state from, enum campaign_move move,
		  enum campaign_state *to_out, struct err *err) NODISCARD;

#endif
