/* SPDX-License-Identifier: MIT */
/*
 * The keeper: the node's side of the ledger (scheduler/ledger/ledger.h has the words). One object
 * on the control thread that holds this node's leases in memory, asks for credits, flushes what
 * became of people, keeps the heartbeat going and has the background work done, over three
 * connections: beat (heartbeat and LISTEN, nothing slow), ledger (claim, read, flush), work (the
 * rest).
 *
 * Life of a lease: keeper_claim → on_lease → for each position not done at the claim exactly one of
 * keeper_settle or keeper_return → when all are in and flushed, on_lease_over, and it is freed. A
 * lease with returned people goes back to the database once nothing of it is out. After on_fenced
 * the node recalls the jobs; what they bring is still settled or returned, and goes through doubt.
 * What the database refuses to write of one person is set aside and tried again now and then; the
 * lease ends when that is over (scheduler/ledger/refusal.h).
 *
 * Everything runs on the control loop. No callback runs before the call that caused it returned.
 */
#ifndef EDM_SCHEDULER_NODE_KEEPER_H
#define EDM_SCHEDULER_NODE_KEEPER_H

#include "engine/base/arena.h"
#include "engine/loop/loop.h"
#include "scheduler/campaign/hours.h"
#include "scheduler/ledger/journal.h"
#include "scheduler/plan/brake.h"

struct keeper;
struct past;

/* Messages that went over one lane for one campaign, or new connections of one lane (for none), for
 * limits by the hour and day. */
struct node_usage {
	uint32_t source;
	int32_t sending_domain; /* id; 0 = not one of ours */
	int32_t campaign;
	int32_t messages;
	int32_t connections;
	struct str target; /* provider or site */
};

/* One recipient of a lease. Slices live as long as the lease. */
struct node_person {
	uint64_t rid;
	int32_t domain_id;
	int16_t flags; /* RETRY_… */
	struct str address;
	struct str domain;     /* A-label, lower case */
	struct str attributes; /* JSON object as text, or empty */
	uint16_t attempts;     /* made before */
	int32_t age_s;	       /* counted towards give-up so far */
	int32_t version;       /* content version it is bound to; 0 = the lease's */
	uint32_t source;       /* preferred; 0 = any */
	int64_t prefer_until_us;
	bool is_done;	    /* at the claim: nothing to do here */
	bool has_credit;    /* opened by the claim */
	bool is_suppressed; /* since the freeze: to be settled, not sent to */
};

struct node_lease {
	int32_t campaign, chunk, epoch;
	int32_t version; /* of the content: everything under it is made from this one */
	struct str group;
	size_t count;
	struct node_person *people; /* by position */
	void *context;		    /* the node's */
};

struct claim_row {
	int32_t campaign;
	struct str group;
	int count; /* chunks */
};

/* Ready work as the database sees it, for the planner: one row per (campaign, group). */
struct keeper_need {
	int32_t campaign;
	struct str group;
	int64_t ready_chunks;
};

/* A campaign that runs or is paused. */
struct keeper_campaign {
	int32_t id;
	int32_t version; /* grows with every change: load it anew */
	int32_t state;	 /* enum campaign_state */
	int32_t priority;
	struct str pool;	    /* valid during the call */
	struct sending_hours hours; /* its own; of all campaigns see keeper_round */
	bool is_hidden;		    /* made by the program itself: only its own hours hold */
};

/* The journal's segments that hold the records of one settlement. */
struct journal_marks {
	unsigned writer;		   /* worker */
	uint64_t intent, retract, outcome; /* segments; 0 = no such record */
};

/*
 * What steers a node, by what has to be loaded when it changed; the names are the kinds of table
 * change.
 *
 *	limits    sources, limits, pauses, an operator's hand on warm-ups
 *	routes    static routes and provider profiles
 *	rules     reply rules
 *	domains   sending domains and their keys
 *	settings  the shared settings
 */
#define NODE_CHANGES(X)                                                                            \
	X(LIMITS, "limits")                                                                        \
	X(ROUTES, "routes")                                                                        \
	X(RULES, "rules")                                                                          \
	X(DOMAINS, "domains")                                                                      \
	X(SETTINGS, "settings")

enum node_change {
#define X(id, name) CHANGE_##id,
	NODE_CHANGES(X)
#undef X
		NODE_CHANGE_COUNT
};
const char *node_change_name(enum node_change kind);

/* What there is to do, as of one reading. */
struct keeper_round {
	const struct keeper_campaign *campaigns;
	size_t campaign_count;
	const struct keeper_need *needs;
	size_t need_count;
	const int64_t *versions; /* by enum node_change; each grows with every change of its kind */
	const char *zone;	 /* that was asked for (keeper_set_zone), and its offsets */
	const struct calendar *zone_offsets; /* hours are not set */
};

struct keeper_events {
	/* A heartbeat was good: no terminator may leave at or after lease_until_ms
	 * (CLOCK_BOOTTIME); database time = CLOCK_BOOTTIME + clock_offset_us. */
	void (*on_beat)(void *owner, int64_t lease_until_ms, int64_t clock_offset_us);
	/* The incarnation is over (reaped, another process): stop, settle, register again by
	 * restart. */
	void (*on_lost)(void *owner, const struct err *err);
	/* An operator drains this node: end what is under way and stop. */
	void (*on_draining)(void *owner);
	/* The schema is of a newer engine: end what is under way and stop; err says it. */
	void (*on_outdated)(void *owner, const struct err *err);
	/* About once a second, and at once after a NOTIFY. */
	void (*on_work)(void *owner, const struct keeper_round *round);
	void (*on_lease)(void *owner, struct node_lease *lease);
	/* The claim came back (whatever it brought): leases came before this. */
	void (*on_claimed)(void *owner, size_t chunks);
	void (*on_credit)(void *owner, struct node_lease *lease, uint16_t position);
	void (*on_fenced)(void *owner, struct node_lease *lease);
	void (*on_lease_over)(void *owner, struct node_lease *lease);
	/* A settlement is in the database: its records may go from the journal. 0 = none. */
	void (*on_flushed)(void *owner, const struct journal_marks *marks);
	/* Usage is in the database: all that was told until keeper_usage_told was saved. */
	void (*on_usage)(void *owner, uint64_t saved);
	/* A campaign was stopped by its brake; the strings live during the call. */
	void (*on_braked)(void *owner, struct str campaign, struct str why);
	/* People suppressed since: not to be sent to. */
	void (*on_suppressed)(void *owner, const uint64_t *rids, size_t count);
};

struct keeper_options {
	const char *database_url;
	const char *node_name;
	const char *data_dir; /* the journal is data_dir/journal */
	struct lease_times times;
	int64_t flush_ms;
	int64_t unknown_retry_after_ms;
	int64_t overdue_ms; /* retries are packed at the latest when the oldest is so late */
	int32_t keep_outcomes_days;
	int flush_outcomes; /* a flush goes at the latest with so many */
	int max_open;	    /* U */
	int first_credits;  /* K */
	const char *zone;   /* keeper_set_zone */
	struct brake_policy brake;
	const struct keeper_events *events;
	void *owner;
};

/*
 * Locks the journal, settles it under the old identity, registers, starts beating. Blocking, before
 * the loop runs. ERR_REFUSED when another process is this node.
 */
int keeper_open(struct loop *loop, const struct keeper_options *options, struct keeper **out,
		struct err *err) NODISCARD;
struct journal *keeper_journal(struct keeper *k);
struct member_id keeper_id(const struct keeper *k);

/* One claim may be under way; its rows are copied. */
void keeper_claim(struct keeper *k, const struct claim_row *rows, size_t count);
bool keeper_is_claiming(const struct keeper *k);
/* The bit is opened by a coming flush; on_credit tells. The caller asks for those nearest their
 * permit first. */
void keeper_credit(struct keeper *k, struct node_lease *lease, uint16_t position);
/* The credit is not wanted any more; on_credit may come all the same when it is under way. */
void keeper_uncredit(struct keeper *k, struct node_lease *lease, uint16_t position);
/* What became of the person at settlement->position; copied, strings included. */
void keeper_settle(struct keeper *k, struct node_lease *lease, const struct settlement *settlement,
		   const struct journal_marks *marks);
/* Counts messages that are settled, or new connections; goes with the next flush. */
void keeper_usage(struct keeper *k, const struct node_usage *usage);
/* Grows with each keeper_usage; on_usage tells how much of it is in the database. */
uint64_t keeper_usage_told(const struct keeper *k);
/* What the processes before this one left; lives as long as the keeper. */
const struct past *keeper_past(const struct keeper *k);
/* Untried: its bit is closed by the next flush and the recipient is free again (of this lease's
 * chunk, once that is released). due_us > 0: to the retry table until then, attempt unchanged. */
void keeper_return(struct keeper *k, struct node_lease *lease, uint16_t position, int64_t due_us);
/* Credits and outcomes waiting, bits open: for gauges and back-pressure. */
struct keeper_gauges {
	size_t leases, people, open_bits, credits_wanted, unflushed;
	size_t set_aside;	   /* outcomes the database refuses; their records stay */
	const struct err *refusal; /* why; NULL = nothing is refused. The keeper's */
};
struct keeper_gauges keeper_gauges(const struct keeper *k);
/* Whether one of its connections is down. */
bool keeper_is_away(const struct keeper *k);
/* Settings that a running node takes, as in the options. */
void keeper_set_upkeep(struct keeper *k, int64_t unknown_retry_after_ms, int64_t overdue_ms,
		       int32_t keep_outcomes_days);
/* When campaigns are stopped by what comes back of them. */
void keeper_set_brake(struct keeper *k, const struct brake_policy *policy);
/* The zone whose offsets a round brings, "" = none; what there is to do is read at once. */
void keeper_set_zone(struct keeper *k, const char *zone);
/* Flushes what there is, releases all, deregisters; on_done when that is committed or given up
 * after timeout_ms. Everything must have been settled or returned before. */
void keeper_stop(struct keeper *k, int64_t timeout_ms, void (*on_done)(void *owner), void *owner);
/* Frees once its handles are closed: run the loop afterwards. NULL is fine. */
void keeper_close(struct keeper *k);

#endif
