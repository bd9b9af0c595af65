/* SPDX-License-Identifier: MIT */
/*
 * What replies of the past mean by the rules of today.
 *
 * Outcomes of remote words are judged again, those that differ only in what names one mail alike.
 * Where the meaning is another, the outcome gets it, in place, and the counters move with it: of
 * attempts by class and cause, of recipients by state. A recipient whose last outcome it was moves
 * between bounced, rejected, blocked and expired; nobody is sent to again, and a try that others
 * followed never becomes a final one. Suppressions whose reply no longer suppresses are taken back;
 * a bounce that was none before suppresses, if its rule says so: one address once, however many
 * campaigns it was refused in.
 *
 * It is carried out in transactions of a bounded size, so that nothing is held for long: a small
 * past in one, a large one in many. Whatever ends it between two of them leaves counters that add
 * up and nobody suppressed twice or, for a while, not at all; the same again does the rest. Doing
 * it twice changes nothing the second time. Blocking; for the command line.
 */
#ifndef EDM_SCHEDULER_LEDGER_RECLASSIFY_H
#define EDM_SCHEDULER_LEDGER_RECLASSIFY_H

#include "engine/pg/blocking.h"
#include "engine/reply/rules.h"
#include "ip-pool/store/change.h"
#include "scheduler/ledger/ledger.h"

#define OUTCOME_CLASS_END 13

struct reclassify_counts {
	int64_t seen;	 /* outcomes judged */
	int64_t changed; /* ... that mean something else, be it the rule only */
	int64_t kept;	 /* ... that would be final now, but other tries followed */
	int64_t classes[OUTCOME_CLASS_END][OUTCOME_CLASS_END]; /* changed, from, to */
	int64_t states[RECIPIENT_STATE_END];		       /* by how much each grows */
	int64_t suppressed; /* addresses that were not, for bounces that did not suppress */
	int64_t lifted;	    /* suppressions taken back */
};

struct reclassify; /* a judgement, made and not carried out */

/* Judges what was said from since_us on (wall time), of one provider unless it is empty ("tail":
 * of none). NULL and err. */
struct reclassify *reclassify_plan(struct pg_blocking *db, const struct rule_set *rules,
				   int64_t since_us, struct str provider, struct err *err);
const struct reclassify_counts *reclassify_counts(const struct reclassify *r);
/* Carries it out and notes the event (in many transactions: with the first what is to be done, with
 * the last what was); the counts are then those of what was done, if only in part. */
int reclassify_apply(struct reclassify *r, const struct change *change, struct err *err) NODISCARD;
void reclassify_free(struct reclassify *r);

#endif
