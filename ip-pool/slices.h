/* SPDX-License-Identifier: MIT */
/*
 * Limits wider than a worker or a node, handed out in parts so that their sum is never exceeded.
 *
 * **Slices** (messages per minute, hour, day): n permits valid until t, at most T/20 away. The
 * issuer keeps Σ over slices that end after now − T, less what came back unused, ≤ N. A slice ends
 * with the last reply of its messages; until that is reported it counts as not ended. A dead
 * holder's slices count as spent, ended at their t or when it was given up, whichever is later.
 *
 * **Shares** (between the workers of a node, for every kind and period; between nodes for
 * connections and messages per second): whole numbers that hold until changed, dealt again each
 * second to those with work. A share first shrinks, its holder says how much it still counts, and
 * only what is free by that may let another grow: so the sum of what holders count never passes N.
 * A dead holder's share comes back when it registers again or after connection_grace.
 *
 * Holders are small numbers (a worker, or a node). One owner; pure.
 */
#ifndef EDM_IP_POOL_SLICES_H
#define EDM_IP_POOL_SLICES_H

#include "engine/base/list.h"
#include "ip-pool/limit.h"

#define SLICES_CONNECTION_GRACE_MS INT64_C(360000)

struct slice {
	struct list node;
	uint64_t id;
	uint32_t holder;
	int64_t count;	  /* permits, less those returned */
	int64_t until_ms; /* valid until */
	int64_t end_ms;	  /* the last reply; INT64_MAX while not reported */
};

/* The issuer's book of one limit in slices. */
struct slice_book {
	int64_t limit; /* N; an edit never forgets what is out */
	int64_t period_ms;
	uint64_t next_id;
	int64_t outstanding; /* Σ count of the slices listed */
	struct list slices;
};

void slice_book_init(struct slice_book *b, int64_t limit, enum limit_period period);
void slice_book_done(struct slice_book *b);
/* A slice of at most wanted permits, or none. */
struct slice_grant slice_issue(struct slice_book *b, uint32_t holder, int64_t wanted, int64_t now);
/* The holder's report; ids that are not known (given up long ago) are ignored. */
void slice_ended(struct slice_book *b, uint64_t id, int64_t unused, int64_t end_ms);
/* The holder is gone for good: its slices count as spent. */
void slice_holder_lost(struct slice_book *b, uint32_t holder, int64_t now);
/* Usage of the past, after a restart of the issuer. */
void slice_add_usage(struct slice_book *b, int64_t at_ms, int64_t n);

/* One holder's part. */
struct share_holder {
	struct list node;
	uint32_t holder;
	int64_t held;	  /* what it may count now, as far as we know: the larger of old and new */
	int64_t told;	  /* what it was last told; < held: a shrink not yet confirmed */
	uint64_t version; /* of told; a confirmation names it */
	int64_t wanted;	  /* what it could use */
	int64_t target;	  /* its fair part at the last deal */
	int64_t lost_ms;  /* 0 = alive; else when it was lost */
	int64_t empty_ms; /* since when it wants and has nothing; 0 = it does not */
};

struct share_table {
	int64_t limit;
	int64_t turn_ms;     /* who wants and got nothing for so long is served first */
	struct list holders; /* struct share_holder; the first get what does not divide */
};

void share_table_init(struct share_table *t, int64_t limit);
void share_table_done(struct share_table *t);
/* Adds the holder (alive, with nothing), or brings a lost one back with nothing. */
void share_join(struct share_table *t, uint32_t holder);
/* What it could use now: its work, and at least what it counts. */
void share_want(struct share_table *t, uint32_t holder, int64_t wanted);
/* It goes by what it was told under that version (0: nothing yet), and counts so much now. */
void share_confirm(struct share_table *t, uint32_t holder, uint64_t version, int64_t counted);
/* It is gone; its part stays reserved for the grace, unless it joins again. */
void share_lost(struct share_table *t, uint32_t holder, int64_t now);
/*
 * Deals anew: equal parts to all who want (what one does not want goes to the others), shrinking
 * first. Then told is what each is to be sent. Call it each second and after confirmations.
 */
void share_deal(struct share_table *t, int64_t now);
/* What this holder was last told, and the version of it; 0 if it is not known. */
int64_t share_told(const struct share_table *t, uint32_t holder, uint64_t *version_out);

#endif
