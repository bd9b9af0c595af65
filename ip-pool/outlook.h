/* SPDX-License-Identifier: MIT */
/*
 * What will change next, by itself, about the limits of a lane and of what stands above it: when
 * the controller grows, a back-off or a rest ends, a learnt window rises, a full one lets the next
 * message go, the warm-up moves on, an operator's limit ends.
 *
 * Pure; it looks and changes nothing. Times are monotonic milliseconds.
 */
#ifndef EDM_IP_POOL_OUTLOOK_H
#define EDM_IP_POOL_OUTLOOK_H

#include "engine/base/buf.h"
#include "ip-pool/permit.h"

#define OUTLOOK_MAX 24

/* X(suffix, name) */
#define OUTLOOK_CHANGES(X)                                                                         \
	X(CONNECTIONS, "connections") /* the lane may have more */                                 \
	X(RATE, "rate")		      /* the learnt rate grows */                                  \
	X(HOLD, "back-off")	      /* nothing grows before it ends */                           \
	X(REST, "rest")		      /* the receiver asked for it, or blocks; it ends */          \
	X(PROBE, "probe")	      /* turned away, or dead: one tries */                        \
	X(WINDOW, "window")	      /* a cap learnt of a period rises */                         \
	X(WARMUP, "warm-up")	      /* the next day's budget */                                  \
	X(LIMIT, "limit")	      /* an operator's limit ends */                               \
	X(PAUSE, "pause")	      /* a pause ends */                                           \
	X(REFILL, "refill")	      /* a window that is full lets the next message go */

#define X(suffix, name) CHANGE_##suffix,
enum change_kind { OUTLOOK_CHANGES(X) };
#undef X

/* One of them. What a kind does not have is 0. */
struct next_change {
	enum change_kind kind;
	enum limit_level level; /* whose limit */
	enum limit_kind limit;	/* LIMIT, REFILL */
	enum limit_period period;
	int64_t at_ms;	  /* then, or not before; now or earlier = as soon as messages are in */
	int64_t messages; /* clean answers that are missing first */
	double from, to;  /* to: -1 = no limit any more */
	int64_t rule;
};

const char *change_name(enum change_kind kind);
/* Whether limit and period say something. */
bool change_is_of_limit(enum change_kind kind);
/* What changes next on a path, the soonest first; out has room for OUTLOOK_MAX. */
size_t lane_outlook(const struct permit_path *path, int64_t now, struct next_change *out);
/* "connections 5 → 6 after 12 more clean messages, not before 40 s from now". */
void explain_change(const struct next_change *change, int64_t now, struct buf *out);

/* The scope of a level of a path. */
const struct limit_scope *path_scope(const struct permit_path *path, enum limit_level level);
/* What binds a lane now: what its next message or connection waits for, else a number that is used
 * up. False: nothing does. */
bool lane_binding(const struct permit_path *path, int64_t now, struct limiter_wait *out);

/* What taught the lane to wait. */
struct wait_cause {
	int64_t since_ms;  /* the rest, the cut, the death began then; 0 = not known */
	const char *reply; /* of the receiver, borrowed of the lane; "" = none, or not known */
};
/* Of a wait that is the lane's own and no operator's, profile's or warm-up's; of others nothing. */
struct wait_cause lane_wait_cause(const struct lane_limits *l, const struct limiter_wait *wait,
				  int64_t now);

#endif
