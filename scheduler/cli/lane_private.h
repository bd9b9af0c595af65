/* SPDX-License-Identifier: MIT */
/* What is known of one lane: its warm-up, and everything that holds for it. */
#ifndef EDM_SCHEDULER_CLI_LANE_PRIVATE_H
#define EDM_SCHEDULER_CLI_LANE_PRIVATE_H

#include "ip-pool/store/snapshot.h"
#include "scheduler/cli/cli.h"

struct lane_warmup {
	size_t step;	/* the plan's count: warm */
	int64_t budget; /* messages a day; -1 = warm */
};

/* Where a saved lane stands on its source's plan, operators' steps included. */
struct lane_warmup lane_warmup(const struct warmup_plan *plan, const struct lane_record *lane);
/* The verb limit explain. */
int lane_run_explain(struct cli *cli, struct err *err);

#endif
