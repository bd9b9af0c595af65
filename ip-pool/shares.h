/* SPDX-License-Identifier: MIT */
/*
 * A limit that several holders keep together, dealt in whole-number shares so that what they count
 * never passes N in sum: for every kind and period.
 *
 * A share holds until changed. It first shrinks, its holder says how much it still counts, and only
 * what is free by that may let another grow: so the sum of what holders count never passes N. This
 * table deals among the workers of a node; among nodes the database does the same (the statement
 * of store/share_store.h), and what it gives the node is N here.
 *
 * Holders are small numbers. One owner; pure.
 */
#ifndef EDM_IP_POOL_SHARES_H
#define EDM_IP_POOL_SHARES_H

#include "engine/base/list.h"
#include "ip-pool/limit.h"

/* One holder's part. */
struct share_holder {
	struct list node;
	uint32_t holder;
	int64_t held;	  /* what it may count now, as far as we know: the larger of old and new */
	int64_t told;	  /* what it was last told; < held: a shrink not yet confirmed */
	uint64_t version; /* of told; a confirmation names it */
	int64_t wanted;	  /* what it could use */
	int64_t target;	  /* its fair part at the last deal */
	int64_t empty_ms; /* since when it wants and has nothing; 0 = it does not */
};

struct share_table {
	int64_t limit;
	int64_t turn_ms;     /* who wants and got nothing for so long is served first */
	struct list holders; /* struct share_holder; the first get what does not divide */
};

void share_table_init(struct share_table *t, int64_t limit);
void share_table_done(struct share_table *t);
/* Adds the holder with nothing, or takes what it has away: it counts nothing. */
void share_join(struct share_table *t, uint32_t holder);
/* What it could use now: its work, and at least what it counts. */
void share_want(struct share_table *t, uint32_t holder, int64_t wanted);
/* It goes by what it was told under that version (0: nothing yet), and counts so much now. */
void share_confirm(struct share_table *t, uint32_t holder, uint64_t version, int64_t counted);
/*
 * Deals anew: equal parts to all who want (what one does not want goes to the others; what nobody
 * wants is room for all of them), shrinking first. Then told is what each is to be sent. Call it
 * each second and after confirmations.
 */
void share_deal(struct share_table *t, int64_t now);
/* What all of them may count now, at most. */
int64_t share_held(const struct share_table *t);
/* What this holder was last told, and the version of it; 0 if it is not known. */
int64_t share_told(const struct share_table *t, uint32_t holder, uint64_t *version_out);

#endif
