/* SPDX-License-Identifier: MIT */
/*
 * The flush: one statement that settles people in many chunks at once, atomically.
 *
 * Life: flush_init → flush_target for each chunk it touches → flush_settle for each recipient
 * settled, flush_open for the new credits, flush_release for chunks to give back → flush_send. The
 * reply says target by target whether it was accepted; then flush_clear and fill it anew.
 *
 * - Lost (the connection died): send the same flush again, unchanged, before anything else of its
 *   chunks. If it had committed, or commits later, flush_seq makes the repetition a no-op whose
 *   targets come back not accepted; ledger_read_fences then tells.
 * - Refused: nothing stands; refusal.h says what to do.
 * - A target not accepted: read its fence. Owner or epoch changed: fenced, settle its people
 * through a late target. flush_seq ahead: take away what done has, send the rest.
 * - A late target (is_late) names a lease this node has lost: what it settles is taken from doubt,
 *   or from unknown when nobody has resent it. Always accepted while the doubt row stands; people
 *   who are no longer there are left alone. Set bits for people the journal knows never left.
 *
 * The caller owns the flush; the strings of what is put in are copied. One flush of a node at a
 * time. The builder is pure; flush_send runs on the connection's loop.
 */
#ifndef EDM_SCHEDULER_LEDGER_FLUSH_H
#define EDM_SCHEDULER_LEDGER_FLUSH_H

#include "engine/base/map.h"
#include "engine/pg/blocking.h"
#include "engine/pg/pg.h"
#include "engine/reply/outcome.h"
#include "scheduler/ledger/claim.h"
#include "scheduler/ledger/positions.h"

/* Targets and people a flush may hold; the caller flushes before. */
#define FLUSH_TARGETS_MAX 4096u
#define FLUSH_PEOPLE_MAX 20000u

/* A lease as the flush must find it. */
struct flush_target {
	struct chunk_key key;
	int32_t incarnation; /* the one it was claimed under */
	int32_t epoch;
	int32_t flush_seq; /* flushes accepted so far */
	unsigned people;   /* in the chunk */
	bool is_late;
};

/* How somebody deferred goes on. */
struct retry_order {
	int64_t due_at_us;	 /* database time */
	int16_t attempts;	 /* made so far */
	int16_t flags;		 /* RETRY_… */
	int32_t age_s;		 /* counted towards give-up */
	int32_t version;	 /* content it is bound to, 0 = the newest */
	int32_t source_id;	 /* preferred, 0 = any */
	int64_t prefer_until_us; /* 0 = no preference */
	int32_t node;		 /* of the preferred source, 0 = any */
	struct str address;
	struct str attributes;
};

/* What became of one recipient. */
struct settlement {
	unsigned position;
	int64_t rid;
	int32_t domain_id;
	int16_t attempt; /* number of this attempt, from 1; 0 = decided without one */
	int32_t version;
	enum recipient_state state;	     /* final, or DEFERRED with retry filled in */
	unsigned klass;			     /* enum outcome_class; 0 = parked: no outcome row */
	unsigned cause, scope, words, stage; /* numbers of outcome.h */
	uint16_t code;
	int32_t enhanced;      /* flush_enhanced() */
	int64_t template_hash; /* of the reply without what varies; 0 = no reply */
	struct str template_text;
	struct str vars;
	int32_t source_id;
	struct str provider; /* empty = of the tail */
	struct str mx;
	int16_t tls; /* 0, 12, 13 */
	struct str rule;
	int64_t at_us; /* database time of the final reply */
	int32_t took_ms;
	int32_t age_s;
	bool suppress; /* the address, everywhere */
	struct retry_order retry;
};

/* Running totals of one lane in one minute, of this incarnation: not what is new since. */
struct usage {
	int64_t minute_us; /* start of the minute */
	int32_t source_id;
	int32_t sending_domain_id;
	int32_t campaign;
	int32_t messages;
	int32_t connections;
	struct str target; /* provider or site */
};

struct flush;

struct flush_answer {
	bool accepted;
	bool is_done;	 /* everybody of the chunk is settled */
	unsigned people; /* not settled yet */
};

struct flush_reply {
	enum pg_fate fate;
	const struct err *err;		    /* unless done */
	const struct flush_answer *answers; /* by target, when done */
	size_t count;
};

typedef void (*flush_on_reply)(void *owner, struct flush *flush, const struct flush_reply *reply);

struct flush *flush_new(void);
/* NULL is fine. One that is being sent only after its connection was closed. */
void flush_free(struct flush *f);
void flush_clear(struct flush *f);
bool flush_is_empty(const struct flush *f);
/* People settled in it, and targets. */
size_t flush_people(const struct flush *f);
size_t flush_targets(const struct flush *f);

/* Adds a chunk and returns its index. */
size_t flush_target(struct flush *f, const struct flush_target *target);
/* Settles the recipient at s->position of the target; each position once (must()). */
void flush_settle(struct flush *f, size_t target, const struct settlement *s);
/* The open positions of the target from now on; what is settled is closed anyway. Without this call
 * nothing is open any more. */
void flush_open(struct flush *f, size_t target, const struct positions *open);
/* Gives the chunk back: nothing of it is out and nothing open. */
void flush_release(struct flush *f, size_t target);
void flush_usage(struct flush *f, const struct usage *usage);

/* Sends it as it stands. It must not be changed or freed before the reply. */
void flush_send(struct flush *f, struct pg *pg, struct member_id id, flush_on_reply on_reply,
		void *owner);
/* The same on a blocking connection: answers_out gets an array of one answer a target, which lives
 * until the flush is changed. */
int flush_run(struct flush *f, struct pg_blocking *conn, struct member_id id,
	      const struct flush_answer **answers_out, struct err *err) NODISCARD;

/* outcome.enhanced of an RFC 3463 code. */
int32_t flush_enhanced(struct enhanced_code code);

/* Where a chunk stands, for a target that was not accepted. */
struct fence {
	struct chunk_key key;
	int32_t state; /* chunk.state: 1 = leased */
	int32_t epoch;
	int32_t node;
	int32_t incarnation;
	int32_t flush_seq;
	struct positions done;
	struct positions open;
};

struct fence_reply {
	enum pg_fate fate;
	const struct err *err; /* unless done */
	const struct fence *fences;
	size_t count;
};

typedef void (*ledger_on_fences)(void *owner, const struct fence_reply *reply);

/* Reads the fences of chunks; the reply is valid during the callback. */
void ledger_read_fences(struct pg *pg, const struct chunk_key *keys, size_t count,
			ledger_on_fences on_fences, void *owner);

#endif
