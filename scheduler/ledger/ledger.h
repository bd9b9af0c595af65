/* SPDX-License-Identifier: MIT */
/*
 * The ledger as a running node uses it: one object on the control thread that keeps the promises
 * of the protocol (claim, credit, flush, reap, recover), over three connections of its own.
 *
 * Words:
 *   lease       a claimed chunk in this node's memory, with everybody in it
 *   place       (campaign, chunk, epoch, position): one recipient under a lease
 *   credit      the recipient's bit in open_map is committed: it may be sent to
 *   settle      tell what an attempt came to; the next flush writes it
 *   fenced      the database says the lease is not ours any more
 *
 * Life of a lease: ledger_claim → on_lease → for each position not done at the claim exactly one
 * of ledger_settle or ledger_return → when all are in and flushed, on_lease_over, and it is freed.
 * A lease with returned people is released to the database once nothing of it is out. After
 * on_fenced the node recalls the jobs; what they bring is still settled or returned, and the ledger
 * takes it through doubt.
 *
 * What the outcome does to the recipient (final state, or a retry and when) is decided in here, by
 * pure functions of retry.h, because recovery after a crash must decide the same.
 *
 * Everything runs on the control loop. No callback runs before the call that caused it returned.
 */
#ifndef EDM_SCHEDULER_LEDGER_LEDGER_H
#define EDM_SCHEDULER_LEDGER_LEDGER_H

#include "engine/base/arena.h"
#include "engine/loop/loop.h"
#include "scheduler/ledger/attempt.h"
#include "scheduler/ledger/journal.h"

struct ledger;

/* One recipient of a lease. Slices live as long as the lease. */
struct lease_person {
	uint64_t rid;
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

struct lease {
	uint32_t campaign, chunk, epoch;
	int32_t version; /* of the content: everything under it is made from this one */
	struct str group;
	size_t count;
	struct lease_person *people; /* by position */
	void *context;		     /* the node's */
};

struct claim_row {
	uint32_t campaign;
	struct str group;
	int count; /* chunks */
};

/* Ready work as the database sees it, for the planner: one row per (campaign, group). */
struct ledger_need {
	uint32_t campaign;
	struct str group;
	int64_t ready_chunks;
};

/* A campaign that runs, is paused or was cancelled while this node has a lease of it. */
struct ledger_campaign {
	uint32_t id;
	int32_t version; /* grows with every change: load it anew */
	int32_t state;	 /* enum campaign_state */
	int32_t priority;
};

struct ledger_events {
	/* A heartbeat was good: no terminator may leave at or after lease_until_ms
	 * (CLOCK_BOOTTIME); database time = CLOCK_BOOTTIME + clock_offset_us. */
	void (*on_beat)(void *owner, int64_t lease_until_ms, int64_t clock_offset_us);
	/* The incarnation is over (reaped, another process): stop, settle, register again by
	 * restart. */
	void (*on_lost)(void *owner, const struct err *err);
	/* About once a second, and at once after a NOTIFY: campaigns and work. identity_version
	 * grows when sources, limits, pauses, routes, providers, rules or settings changed. */
	void (*on_work)(void *owner, const struct ledger_campaign *campaigns, size_t campaign_count,
			const struct ledger_need *needs, size_t need_count,
			int64_t identity_version);
	void (*on_lease)(void *owner, struct lease *lease);
	/* The claim came back (whatever it brought): leases came before this. */
	void (*on_claimed)(void *owner, size_t chunks);
	void (*on_credit)(void *owner, struct lease *lease, uint16_t position);
	void (*on_fenced)(void *owner, struct lease *lease);
	void (*on_lease_over)(void *owner, struct lease *lease);
	/* People suppressed since: not to be sent to. */
	void (*on_suppressed)(void *owner, const uint64_t *rids, size_t count);
};

struct ledger_options {
	const char *database_url;
	const char *node_name;
	const char *data_dir; /* the journal is data_dir/journal */
	unsigned writers;     /* worker threads */
	enum journal_mode journal_mode;
	int64_t lease_ms, beat_ms, flush_ms, margin_ms;
	int64_t unknown_retry_after_ms;
	struct str retry_schedule; /* setting retry.schedule */
	int flush_outcomes;	   /* a flush goes at the latest with so many */
	int first_credits;	   /* K */
	int max_open;		   /* U */
	const struct ledger_events *events;
	void *owner;
};

/*
 * Locks the journal, settles it under the old identity, registers, starts beating. Blocking, before
 * the loop runs. ERR_REFUSED when another process is this node.
 */
int ledger_open(struct loop *loop, const struct ledger_options *options, struct ledger **out,
		struct err *err) NODISCARD;
struct journal_set *ledger_journal(struct ledger *l);
int64_t ledger_incarnation(const struct ledger *l);

/* One claim may be under way; its rows are copied. */
void ledger_claim(struct ledger *l, const struct claim_row *rows, size_t count);
bool ledger_is_claiming(const struct ledger *l);
/* The bit is opened by a coming flush; on_credit tells. The caller asks for those nearest their
 * permit first. */
void ledger_credit(struct ledger *l, struct lease *lease, uint16_t position);
/* attempt is copied. */
void ledger_settle(struct ledger *l, struct lease *lease, const struct attempt *attempt);
/* Untried: its bit is closed by the next flush and the recipient is free again (of this lease's
 * chunk, once that is released). due_us > 0: to the retry table until then, attempt unchanged. */
void ledger_return(struct ledger *l, struct lease *lease, uint16_t position, int64_t due_us);
/* Credits and outcomes waiting, bits open: for gauges and back-pressure. */
struct ledger_gauges {
	size_t leases, people, open_bits, credits_wanted, unflushed;
};
struct ledger_gauges ledger_gauges(const struct ledger *l);
/* Flushes what there is, releases all, deregisters; on_done when that is committed or given up
 * after timeout_ms. Everything must have been settled or returned before. */
void ledger_stop(struct ledger *l, int64_t timeout_ms, void (*on_done)(void *owner), void *owner);
/* Frees once its handles are closed: run the loop afterwards. NULL is fine. */
void ledger_close(struct ledger *l);

#endif
