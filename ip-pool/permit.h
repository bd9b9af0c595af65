/* SPDX-License-Identifier: MIT */
/*
 * Permits: what a worker asks before it opens a connection or sends a MAIL.
 *
 * A **path** is the lane together with the shared limiters above it. A permit asks them all and
 * takes from all or from none; the latest "not before" wins, with what binds. On a wait ask again
 * at its time, or when something happened (a reply, a closed connection, a share).
 *
 * Life of a connection: lane_take_connection right before connect() → lane_greeted or lane_failed →
 * lane_end_connection at the peer's EOF or RST. Of a message: lane_take_message right before its
 * MAIL → lane_end_message with its outcome. Every take is followed by exactly one end with the same
 * path; none is given back. `now` must have been read after the bytes that are reported.
 *
 * Everything belongs to one worker; pure.
 */
#ifndef EDM_IP_POOL_PERMIT_H
#define EDM_IP_POOL_PERMIT_H

#include "engine/reply/outcome.h"
#include "ip-pool/controller.h"
#include "ip-pool/health.h"
#include "ip-pool/limiter.h"
#include "ip-pool/party.h"
#include "ip-pool/provider.h"
#include "ip-pool/warmup.h"
#include "ip-pool/windows.h"

/* What replies taught a lane beside windows, which keep theirs. */
enum lane_lesson { LESSON_CONNECTIONS, LESSON_RATE, LESSON_REST, LESSON_MESSAGES };
#define LANE_LESSONS 4
#define LANE_REPLY_MAX WINDOWS_REPLY_MAX

/* All limits of one lane. */
struct lane_limits {
	struct limiter limiter;
	struct controller controller;
	struct health health;
	struct windows windows;
	struct control rate_before; /* the learnt rate when its cuts came into doubt */
	int64_t doubted_ms;	    /* … which was then */
	bool is_doubted;	    /* whether they are about this lane is not known yet */
	struct warmup *warmup;	    /* NULL: warm; owned by the caller */
	int64_t paused_until_ms;    /* by table pause; 0 = not, LIMIT_FOREVER = until resumed */
	char replies[LANE_LESSONS][LANE_REPLY_MAX]; /* the last for each; "" = none, not known */
	int64_t messages_cap;			    /* learnt, for one connection; 0 = none */
	int64_t messages_cap_ms;		    /* when; it holds for a day */
	int64_t forgotten; /* how often operators had it forget what it learnt */
};

/*
 * The limiters above a lane. NULL where nothing is to be asked. Lane connections ask source,
 * provider and node; messages ask all of them, and what was learnt of their domain and campaign.
 */
struct permit_path {
	struct lane_limits *lane;
	struct limiter *shared[LIMIT_LEVEL_COUNT]; /* by level; [LEVEL_LANE] is not used */
	struct party *parties[PARTY_KINDS];
};

/* Granted, with the time to hand back; or what to wait for. */
struct permit {
	bool is_granted;
	int64_t at_ms; /* granted: when it was taken; else when to ask again */
	int64_t nth; /* messages begun on its connection before; set by who knows the connection */
	struct limiter_wait wait; /* filled when not granted */
};

/* "550 5.7.1 Ip frequency limited", as far as it is kept. */
void lane_keep_reply(const struct outcome *outcome, char out[LANE_REPLY_MAX]);

/* What a feedback asks of the worker. */
struct lane_reaction {
	bool was_cut;		/* the lane is allowed less than before */
	bool was_blocked;	/* alert; recall what waits for this lane if the pool allows */
	int64_t rests_until_ms; /* > 0: recall what waits until then */
	const struct party *cut_party; /* that one is allowed less, not the lane; or NULL */
};

/* scope.level must be LEVEL_LANE; its strings and provider (NULL: tail) are borrowed. */
void lane_limits_init(struct lane_limits *l, const struct limit_scope *scope,
		      const struct provider *provider, int64_t now);
/* New rules (or a new profile): caps change, counters and what was learnt stay. */
void lane_limits_bind(struct lane_limits *l, const struct limit_rules *rules,
		      const struct provider *provider, int64_t now);
/* Connections the lane may have now, all own limits considered, and what sets the number. */
struct cap lane_connections_cap(struct lane_limits *l, int64_t now);
/* The rate it learnt, in messages a minute; LIMIT_NONE if none. */
struct cap lane_rate_cap(const struct lane_limits *l, int64_t now);
/* What it learnt of messages for one connection; LIMIT_NONE if nothing that still holds. */
struct cap lane_learnt_messages_cap(const struct lane_limits *l, int64_t now);
/* Messages for one connection at now, all considered; LIMIT_NONE = no cap. */
int64_t lane_messages_per_connection(struct lane_limits *l, int64_t now);

/* When a permit would be granted, without taking it: for choosing a source and arming timers. */
int64_t lane_message_ready_at(const struct permit_path *path, int64_t now,
			      struct limiter_wait *wait_out);
int64_t lane_connection_ready_at(const struct permit_path *path, int64_t now,
				 struct limiter_wait *wait_out);

struct permit lane_take_connection(const struct permit_path *path, int64_t now);
/* The greeting was good: the connection is established. Returns true if a dead site came alive. */
bool lane_greeted(const struct permit_path *path, int64_t now);
/* It failed before a greeting; lane_end_connection follows. is_alone: nothing else the lane could
 * connect to is known to be up, neither another host nor another site. */
struct lane_reaction lane_failed(const struct permit_path *path, const struct outcome *outcome,
				 bool is_alone, int64_t begun_ms, int64_t now);
/* We are closing it (QUIT is said); it counts until its end. */
void lane_leave_connection(const struct permit_path *path);
/* was_leaving: lane_leave_connection was called before. */
void lane_end_connection(const struct permit_path *path, bool was_leaving);
/* More connections than allowed are open, those being closed not counted: after a cap was lowered,
 * or the receiver wanted fewer. One that is idle is to be closed. */
bool lane_has_surplus(const struct permit_path *path, int64_t now);

/*
 * A refusal follows of which it is not known whom it is about: cuts of the rate are in doubt from
 * now on, those of ten minutes at most. Once it is known they are taken back, if they were about
 * somebody else, or they stand; so they do when nobody could tell in time.
 */
void lane_doubt(struct lane_limits *l, int64_t now);
void lane_acquit(struct lane_limits *l, int64_t now);
void lane_convict(struct lane_limits *l);

/*
 * Operators have asked so often in all that it forgets what it learnt: if it has not heard of the
 * last time it starts again from what is configured, and a rest that is no block ends. What it
 * counts stays, a block and a dead site, too. True if it forgot.
 */
bool lane_forget(struct lane_limits *l, int64_t forgotten, int64_t now);

/* True while a lane made anew could send what this one may not yet: it counts, rests or holds off.
 */
bool lane_remembers(struct lane_limits *l, int64_t now);

struct permit lane_take_message(const struct permit_path *path, int64_t now);
/* Its final reply was read, or its connection died; outcome->verdict is set. */
struct lane_reaction lane_end_message(const struct permit_path *path, const struct permit *permit,
				      const struct outcome *outcome, int64_t now);

#endif
