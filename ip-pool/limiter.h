/* SPDX-License-Identifier: MIT */
/*
 * One limiter = the exact counters of one scope (a lane, a source, a provider, a sending domain at
 * a provider, a campaign, a node) and the caps in force for it.
 *
 * Counted: a connection from connect() until the peer's EOF or RST is read; a new
 * connection from connect() until T after it was established or failed; a message from its MAIL
 * until T after its final reply. take is all or nothing over several limiters: see
 * permit.h, which is what workers call.
 *
 * A connection belongs to no campaign and no sending domain: what their limit of connections counts
 * is those at work for them, that is, their messages between MAIL and the final reply.
 *
 * Limits wider than the worker arrive as shares (shares.h): of a divided limiter each cap is
 * tightened to this worker's share of it, nothing until the first is told and nothing after the
 * end of the lease it was told under. Owned by one worker; pure.
 */
#ifndef EDM_IP_POOL_LIMITER_H
#define EDM_IP_POOL_LIMITER_H

#include "ip-pool/tally.h"

#define LIMITER_ON_EVENT INT64_MAX /* ready when something happens, not at a time */
#define LIMITER_GHOST_GROUPS 4

/* Why a permit has to wait. */
struct limiter_wait {
	int64_t at_ms; /* ask again then; LIMITER_ON_EVENT: after a connection closed, a reply, a
			  share or a resumption */
	enum limit_level level;
	enum limit_kind kind;
	enum limit_period period; /* of kinds that have one */
	struct cap cap;	 /* what binds; rate limits learnt have count = messages a minute */
	int64_t died_ms; /* ORIGIN_KILLED: when the process before was last alive */
};

/* Connections we may still have at the peer after an unclean stop. */
struct limiter_ghosts {
	int64_t count;
	int64_t until_ms;
};

/* This worker's part of one cap of a divided limiter. */
struct limiter_share {
	int64_t part;
	uint64_t version; /* of the issuer's word; 0: none yet */
	bool is_short;	  /* somebody had to wait for this limit since it wants anew */
	bool was_short;	  /* that is what the last wish said */
	uint64_t begun;	  /* in all, when it began to want anew */
	uint64_t pace;	  /* begun a second before that; it fades slowly, unless none begin */
};

struct limiter {
	struct limit_scope scope;
	const struct limit_rules *rules;
	const struct limit_values *profile;
	struct caps caps;
	struct tally messages;
	struct tally connects;
	int64_t open; /* connections, connecting and closing ones included */
	struct limiter_ghosts ghosts[LIMITER_GHOST_GROUPS];
	int64_t day_budget;		    /* LIMIT_NONE, or what the warm-up allows in a day */
	int64_t learnt[LIMIT_PERIOD_COUNT]; /* LIMIT_NONE, or what the receiver takes in a period */
	int64_t leaving;		    /* of open: those we are closing */
	int64_t died_ms; /* when a process that was killed was last alive; whoever distrusts says */
	bool is_divided; /* its caps are shared with other workers or nodes */
	int64_t shares_until_ms; /* its shares may be used until then */
	struct limiter_share shares[LIMIT_METER_COUNT];
};

/* scope, rules and profile are borrowed until the next limiter_bind. */
void limiter_init(struct limiter *l, const struct limit_scope *scope, int64_t now);
/* Puts the caps of these rules in force; counters stay. rules or profile may be NULL. */
void limiter_bind(struct limiter *l, const struct limit_rules *rules,
		  const struct limit_values *profile, int64_t now);

/* What is in force at now; valid until the next call. */
const struct caps *limiter_caps(struct limiter *l, int64_t now);

/* When a message may begin: now, or later and *wait_out filled. Takes nothing. */
int64_t limiter_message_ready_at(struct limiter *l, int64_t now, struct limiter_wait *wait_out);
void limiter_take_message(struct limiter *l, int64_t now);
/* Its final reply was read, or its connection is gone. */
void limiter_end_message(struct limiter *l, int64_t now);

int64_t limiter_connection_ready_at(struct limiter *l, int64_t now, struct limiter_wait *wait_out);
void limiter_take_connection(struct limiter *l, int64_t now);
/* It is established, or failed. */
void limiter_settle_connection(struct limiter *l, int64_t now);
/* Connections that count at now: open ones, and those we may have left behind. */
int64_t limiter_open_connections(struct limiter *l, int64_t now);
/* The peer's EOF or RST was read, or close_ms is over. */
void limiter_end_connection(struct limiter *l);

/*
 * After an unclean stop: connections (at most so many) may be open until until_ms, each may have
 * begun a message nobody recorded, which counts as ended by then, and seconds and minutes count as
 * spent by last_alive_ms. until_ms may be in the past: of a limiter made later.
 */
void limiter_distrust(struct limiter *l, int64_t connections, int64_t until_ms,
		      int64_t last_alive_ms, int64_t now);
/* Usage of the past from limit_usage: n messages, or new connections, that ended at at_ms or
 * before. */
void limiter_add_usage(struct limiter *l, int64_t at_ms, int64_t n, int64_t now);
void limiter_add_connects(struct limiter *l, int64_t at_ms, int64_t n, int64_t now);

/* For a limiter that comes to be while others count already what it is about (a site's, over its
 * lanes): what other counts of the past, and what is under way, which ends here, too. */
void limiter_merge(struct limiter *l, struct limiter *other, int64_t now);
void limiter_adopt_message(struct limiter *l);
void limiter_adopt_connection(struct limiter *l, bool is_settled, bool is_leaving);

/* Its caps are shared from now on, and its shares may be used until until_ms (LIMIT_FOREVER: of
 * those of this node alone): nothing may begin until a share is told. */
void limiter_divide(struct limiter *l, int64_t until_ms);
/* This worker's part of the cap of a meter, under the issuer's version. */
void limiter_set_share(struct limiter *l, int meter, int64_t part, uint64_t version);
/* Its shares may be used until then; before it says so again. */
void limiter_extend_shares(struct limiter *l, int64_t until_ms);
/* From now on it wants what is wanted from now on. To be called once a second. */
void limiter_want_anew(struct limiter *l);
/*
 * What it could use of the cap of a meter: everything if it uses its share up and somebody had to
 * wait since it wants anew; else what it counts, or will at its present pace, and a little more;
 * when none begins, what it counts.
 */
int64_t limiter_wanted(struct limiter *l, int meter, int64_t now);
/* What counts against the cap of a meter now. */
int64_t limiter_counted(struct limiter *l, int meter, int64_t now);
/* Nothing counts at now, whatever the limits. */
bool limiter_is_empty(struct limiter *l, int64_t now);
/* Nothing counts at now, and there is no limit: a new one would say the same. */
bool limiter_is_blank(struct limiter *l, int64_t now);
/* True if something counts against a cap in force, or may: with the limiter it would be forgotten.
 */
bool limiter_remembers(struct limiter *l, int64_t now);
/* True if the connections that are not being closed are more than its cap. */
bool limiter_has_surplus(struct limiter *l, int64_t now);
#endif
