/* SPDX-License-Identifier: MIT */
/*
 * Inside the keeper.
 *
 *   tenure   a lease in memory with what is under way of it: what the node sees is its first member
 *   entry    an attempt (or a return) that waits for its flush
 *
 * A tenure's positions are in these sets: done (settled and flushed, or done at the claim), open
 * (open in the database, as of the last answer), wanted (credit asked for), returned (given back,
 * to be freed or closed), and `out` counts those with the node. entries are settled and not
 * flushed; flying ones are in the flush under way, those set aside are what the database refuses.
 *
 * Lists: every tenure is on keeper.tenures; one with something to flush also on keeper.dirty.
 */
#ifndef EDM_SCHEDULER_NODE_KEEPER_PRIVATE_H
#define EDM_SCHEDULER_NODE_KEEPER_PRIVATE_H

#include "engine/base/arena.h"
#include "scheduler/ledger/claim.h"
#include "scheduler/ledger/flush.h"
#include "scheduler/ledger/member.h"
#include "scheduler/ledger/refusal.h"
#include "scheduler/node/keeper.h"

struct entry {
	struct list node;    /* tenure.waiting, .flying or .aside */
	struct settlement s; /* strings stand in text, address and attributes in the tenure */
	struct journal_marks marks;
	bool was_aside; /* and that was logged */
	char text[];
};

struct tenure {
	struct node_lease lease; /* what the node sees */
	struct keeper *keeper;
	struct list all;     /* keeper.tenures */
	struct list dirty;   /* keeper.dirty, or nowhere */
	struct arena memory; /* people and strings */
	int32_t incarnation;
	int32_t flush_seq;
	struct positions done, open, wanted, returned;
	struct list waiting, flying, aside; /* struct entry */
	size_t out;			    /* positions the node has */
	bool is_flying;			    /* a target of the flush under way */
	bool is_asked;			    /* its content is being read */
	bool is_fenced;
	bool is_released;	/* the flush under way gives it back */
	size_t target;		/* its index in the flush under way */
	struct positions asked; /* what is open if the flush under way is accepted */
	struct positions fresh; /* of those, the new ones */
};

struct keeper {
	struct keeper_options options;
	struct loop *loop;
	struct pg *beat, *ledger, *work;
	struct member *member;
	struct member_id id;
	struct journal *journal;
	char *database_url;
	char zone[HOURS_ZONE_MAX]; /* whose offsets each round reads */
	struct list tenures, dirty;
	size_t tenure_count, waiting_count, wanted_count, open_count;
	size_t promised;     /* of U, to the claim under way */
	struct flush *flush; /* filled, or under way when is_flying */
	bool is_flying;
	bool is_fencing;    /* fences are to be read again after a pause */
	struct list flying; /* struct tenure by dirty: targets of the flush under way, in order */
	int64_t flushed_ms; /* when the last one was sent */
	int64_t flush_after_ms; /* none goes before: the last one was refused */
	bool has_usage;		/* the flush under way has some */
	struct timer flush_timer;
	struct refusals refusals;
	struct err refusal;	 /* the last; ERR_NONE once nothing is refused any more */
	int64_t refusal_told_ms; /* when one was logged */
	size_t aside_count;	 /* entries set aside */
	struct timer aside_timer;
	/* Claims. */
	bool is_claiming;
	size_t reading;	   /* chunks claimed whose content is not read yet */
	size_t claimed;	   /* chunks of the claim under way */
	struct list fresh; /* struct tenure (all) whose content is being read */
	int strays;	   /* beats at which the database held something else for ours */
	/* Work. */
	struct timer work_timer;
	int work_calls; /* under way */
	bool is_stopping, is_leaving, is_stopped, is_fenced, has_beat;
	bool is_away; /* a connection is down, and that was logged */
	int64_t stop_at_ms;
	void (*on_stopped)(void *owner);
	void *stop_owner;
	struct map usage; /* struct usage_total (keeper_usage.c) */
	struct list usage_dirty, usage_flying;
	uint64_t usage_told;	 /* calls of keeper_usage … */
	uint64_t usage_in_flush; /* … whose totals are in the flush under way */
	int64_t usage_swept_us;	 /* when totals were last dropped */
	struct past *past;
	struct keeper_work *background; /* keeper_work.c's */
	struct keeper_brake *brake;	/* keeper_brake.c's */
};

/* ---- keeper.c */
/* Database time now; 0 before the first heartbeat was answered. */
int64_t keeper_now_us(const struct keeper *k);

/* Credits that U still leaves. */
size_t keeper_room(const struct keeper *k);

/* ---- keeper_flush.c */
/* Room came free under U: those who wish for credits are heard again. */
void keeper_wake_wishes(struct keeper *k);
/* The tenure has something to tell. */
void keeper_dirty(struct tenure *t);
/* Sends a flush if it is time, or arms the timer. */
void keeper_flush_soon(struct keeper *k);
void keeper_on_flush_timer(struct timer *timer);
/* Sends the flush under way once more, as it is. */
void keeper_flush_again(struct keeper *k);
bool keeper_has_news(const struct tenure *t);
/* Everything of it is in: tells the node and frees it. */
void keeper_end(struct tenure *t);
bool keeper_is_settled(const struct tenure *t);
/* The lease is gone: its jobs are recalled, and what is known of them is settled late. */
void keeper_fence(struct tenure *t);
/* Notes an untried person for the next flush: into the retry table, due at due_us. */
void keeper_park(struct tenure *t, uint16_t position, int64_t due_us);

/* ---- keeper_refused.c */
/* The flush under way was refused. */
void keeper_on_refused(struct keeper *k, const struct err *err);
/* It was not. */
void keeper_on_passed(struct keeper *k);
/* What to do with targets that were not accepted cannot be read: no flush goes until it can. */
void keeper_on_fences_refused(struct keeper *k, const struct err *err);
void keeper_on_fences_read(struct keeper *k);
void keeper_on_aside_timer(struct timer *timer);
/* The database has all it would take. */
bool keeper_is_told(const struct keeper *k);

/* ---- keeper_usage.c */
/* Are there totals that grew, and may they go? */
bool keeper_has_usage_news(const struct keeper *k);
/* Puts the totals that grew into the flush being filled. */
void keeper_add_usage(struct keeper *k);
/* That flush was accepted, or nothing of it stands. */
void keeper_land_usage(struct keeper *k, bool is_accepted);
void keeper_drop_usage(struct keeper *k);

/* ---- keeper_claim.c */
/* Does the database hold other leases for ours than we do? If it does for a while, they are found:
 * what a lost reply left is given back, and who lost its lease is fenced. */
void keeper_reconcile(struct keeper *k, const struct member_held *held);
void keeper_drop_fresh(struct keeper *k);

/* ---- keeper_brake.c */
/* Judges the running campaigns, if it is time to. */
void keeper_judge(struct keeper *k);
void keeper_brake_close(struct keeper *k);

/* ---- keeper_work.c */
void keeper_on_work_timer(struct timer *timer);
/* Something has changed: reads at once, or again when the reading under way is done. */
void keeper_read_soon(struct keeper *k);
/* What was settled through doubt may make a finished campaign go on. */
void keeper_settled_late(struct keeper *k);
void keeper_work_close(struct keeper *k);

#endif
