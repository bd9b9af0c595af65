/* SPDX-License-Identifier: MIT */
/*
 * The ledger's housekeeping, on the node's *work* connection: reaping nodes and their chunks,
 * doubts whose time is up, campaigns that go on after a late word, packing retries, settling ended
 * campaigns, rolling up counters, folding suppressions and limit usage, partitions and retention.
 *
 * Every node runs it; each duty is idempotent or takes an advisory lock for its one statement, so
 * it does not matter which node does it. Duties run one after the other, each at its own pace, and
 * at once again while there is more than one run may do. Control thread.
 */
#ifndef EDM_SCHEDULER_LEDGER_UPKEEP_H
#define EDM_SCHEDULER_LEDGER_UPKEEP_H

#include "engine/pg/pg.h"
#include "scheduler/ledger/ledger.h"

struct upkeep;

struct upkeep_options {
	struct member_id id;
	int64_t lease_ms;	  /* ledger.lease_ms */
	int64_t unknown_retry_ms; /* unknown.retry_after_ms */
	int64_t overdue_ms;	  /* ledger.overdue_ms */
	int32_t outcome_days;	  /* retention of outcomes; 0 = for ever */
	int32_t chunk_days;	  /* of what is needed only to send, after a campaign ended */
	/* A node was reaped; may be NULL. */
	void (*on_reaped)(void *owner, int32_t node, struct str name);
	void *owner;
};

struct upkeep *upkeep_open(struct loop *loop, struct pg *work,
			   const struct upkeep_options *options);
/* Other waits and another retention from now on. */
void upkeep_set(struct upkeep *u, const struct upkeep_options *options);
/* Close the work connection first. NULL is fine. */
void upkeep_close(struct upkeep *u);

/* Somebody was settled late, through doubt: a campaign that had finished may have to go on. Looked
 * for at once, besides at the start and every ten minutes. */
void upkeep_reopen(struct upkeep *u);

/* How many times each duty went well, by name, for tests and gauges; NULL past the last. */
const char *upkeep_duty(const struct upkeep *u, size_t i, uint64_t *runs_out);

#endif
