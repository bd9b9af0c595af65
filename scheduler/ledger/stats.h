/* SPDX-License-Identifier: MIT */
/*
 * How many recipients of a campaign are in which state. Counters are signed deltas appended by
 * every statement that moves somebody, rolled up by upkeep; reading adds both in one snapshot, so
 * the states always add up to what is built of the audience.
 */
#ifndef EDM_SCHEDULER_LEDGER_STATS_H
#define EDM_SCHEDULER_LEDGER_STATS_H

#include "engine/pg/blocking.h"
#include "scheduler/ledger/ledger.h"

struct state_counts {
	int64_t by_state[RECIPIENT_STATE_END]; /* by enum recipient_state; [0] is not used */
	int64_t total;
};

/* Columns state, n of any statement (ledger/states). */
void state_counts_load(struct state_counts *out, const struct pg_rows *rows);
int stats_states(struct pg_blocking *conn, int32_t campaign, struct state_counts *out,
		 struct err *err) NODISCARD;

#endif
