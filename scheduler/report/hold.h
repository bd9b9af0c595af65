/* SPDX-License-Identifier: MIT */
/*
 * What holds people, or a lane: since when, the receiver's words that caused it, until when, and
 * the command that changes it. Found in what nodes and the database say (live.h), and said as a
 * clause in English or Chinese. Pure; any thread.
 */
#ifndef EDM_SCHEDULER_REPORT_HOLD_H
#define EDM_SCHEDULER_REPORT_HOLD_H

#include "engine/base/buf.h"
#include "scheduler/report/live.h"

#define HOLD_CHANGE_MAX 512

struct why_context {
	enum language language;
	int64_t now_us;	      /* database time */
	const json_t *live;   /* of live_load */
	const char *campaign; /* its name */
	enum campaign_state campaign_state;
	int64_t campaign_since_us;
	const char *campaign_by;     /* who moved it there; "" = nobody known */
	const char *campaign_reason; /* sentence; "" = none */
	int64_t scheduled_us;
};

/* What holds. X(suffix, name in JSON) */
#define HOLD_KINDS(X)                                                                              \
	X(STATE, "campaign") /* the campaign is not running */                                     \
	X(PAUSE, "pause")    /* of: the pause */                                                   \
	X(NO_NODE, "no-node")                                                                      \
	X(ENDING, "node-ending")  /* every node is being stopped */                                \
	X(STOPPED, "node")	  /* a node sends nothing */                                       \
	X(HOURS, "hours")	  /* of: the campaign of live */                                   \
	X(NO_SOURCE, "no-source") /* likewise */                                                   \
	X(SPENT, "spent")	  /* likewise: its limit of hours or days is used up */            \
	X(LIMITED, "limit")	  /* of: the entry of waiting */                                   \
	X(LANE, "lane")		  /* of: the lane, which waits */                                  \
	X(BINDING, "binds")	  /* of: the lane, which sends as fast as that lets it */          \
	X(TURN, "turn")		  /* of: a lane that sends, to others first */

#define X(suffix, name) HOLD_##suffix,
enum hold_kind { HOLD_KINDS(X) };
#undef X

/* How the command changes it. */
enum hold_change {
	CHANGE_NOTHING, /* none does: what it waits for is not ours */
	CHANGE_LIFTS,
	CHANGE_FORGETS,
	CHANGE_UNSETS,
	CHANGE_SETS,
	CHANGE_ADVANCES,
	CHANGE_STARTS,
};

struct hold {
	enum hold_kind kind;
	const json_t *of;	    /* borrowed of live */
	size_t others;		    /* PAUSE of a lane: of as many other lanes there, too */
	int64_t since_us, until_us; /* 0 = not known, or no end */
	const char *reply;	    /* borrowed; "" = none, or not known */
	enum hold_change how;
	char change[HOLD_CHANGE_MAX]; /* the command; "" with CHANGE_NOTHING */
};

/* The name of a kind, a constant. */
const char *hold_kind_name(enum hold_kind kind);
/*
 * What keeps the campaign's people from being sent to whose mail goes to target: a provider, a
 * site, "tail" (some site of the tail, so that no lane is theirs), NULL (whoever). False if nothing
 * does.
 */
bool hold_find(const struct why_context *w, const char *target, struct hold *out);
/* A lane to the target that sends, while nothing holds its people; false: none does. */
bool hold_find_turn(const struct why_context *w, const char *target, struct hold *out);
/* What a lane of live waits for, or a pause of it; false: it can send. */
bool hold_find_lane(const struct why_context *w, const json_t *lane, struct hold *out);
/* What binds a lane of live that sends; false: nothing, or it is not known. */
bool hold_find_binding(const struct why_context *w, const json_t *lane, struct hold *out);
/* Of an entry of live's waiting likewise. */
void hold_of_waiting(const struct why_context *w, const json_t *waiting, struct hold *out);
/* {"by", "says", "since", "until", "reply", "change"}, a new reference. */
json_t *hold_json(const struct why_context *w, const struct hold *hold);

/* ---- hold_say.c */
/* "mx1/qq waits 5 min, until …: … since …, after \"550 …\" (edm … ends it)" */
void hold_say(const struct why_context *w, const struct hold *hold, struct buf *out);
/* Appends "outside its sending hours until …" of an entry of live's campaigns; false and nothing
 * appended if it is within them. */
bool hold_say_closed(const struct why_context *w, const json_t *campaign, struct buf *out);
/* Appends what a campaign waits for, as a clause; waiting: of live_waiting. */
void hold_say_waiting(const struct why_context *w, const json_t *waiting, struct buf *out);
/* "until 2026-12-01 09:00 UTC (in 5 min)" */
void hold_say_until(const struct why_context *w, int64_t us, struct buf *out);
/* " by li (too hot)" */
void hold_say_who(const struct why_context *w, const char *by, const char *because,
		  struct buf *out);

#endif
