/* SPDX-License-Identifier: MIT */
/*
 * From the outcome of an attempt to what becomes of the recipient: a final state, or a retry and
 * when. Pure. The worker decides it before the outcome is journalled, so that a restart flushes the
 * very same decision. Whoever may have the message from an earlier try (RETRY_AFTER_UNKNOWN) ends
 * as unknown, unless the receiver itself takes it or refuses it for good.
 */
#ifndef EDM_SCHEDULER_NODE_SETTLE_H
#define EDM_SCHEDULER_NODE_SETTLE_H

#include "engine/reply/outcome.h"
#include "scheduler/campaign/snapshot.h"
#include "scheduler/ledger/retry.h"
#include "scheduler/node/keeper.h"

/* What holds for all of a node. */
struct settle_policy {
	struct retry_schedule schedule;
	int64_t unknown_retry_after_ms;
	int32_t node; /* its id, for people who prefer its sources */
};

/* What the attempt left behind. */
struct settle_facts {
	const struct node_person *person;
	const struct campaign_snapshot *campaign; /* NULL when it was not loaded */
	unsigned position;
	const struct outcome *outcome; /* verdict filled in */
	bool was_tried;		       /* a MAIL was sent, or a connection was tried for it */
	bool had_intent;	       /* the content version is bound from now on */
	uint32_t source;
	struct str provider, mx, tls;
	int64_t at_us; /* database time */
	int32_t took_ms;
	int64_t asked_us; /* not before (database time), from lane or rule; 0 = by the schedule */
	uint64_t random;
};

/* Buffers the strings of a settlement point into; one settlement at a time. */
struct settle_strings {
	struct buf template_text, vars;
	struct buf rule; /* the rules may be replaced before it is written */
};

void settle_strings_init(struct settle_strings *s);
void settle_strings_done(struct settle_strings *s);

/* Fills *out; its strings are borrowed from facts, the person and strings, none from the verdict.
 */
void settle_decide(const struct settle_policy *policy, const struct settle_facts *facts,
		   struct settle_strings *strings, struct settlement *out);

/* Into the retry table without a try, due at due_us (database time, as now_us): no outcome, the
 * attempt unchanged. Who prefers a source of this node goes on preferring it. */
struct settlement settle_parked(const struct node_person *person, unsigned position, int32_t node,
				int64_t due_us, int64_t now_us);

#endif
