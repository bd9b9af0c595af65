/* SPDX-License-Identifier: MIT */
/* What is known of one lane: its warm-up, and everything that holds for it. */
#ifndef EDM_SCHEDULER_CLI_LANE_PRIVATE_H
#define EDM_SCHEDULER_CLI_LANE_PRIVATE_H

#include <jansson.h>

#include "ip-pool/outlook.h"
#include "ip-pool/store/snapshot.h"
#include "scheduler/cli/cli.h"

struct lane_warmup {
	size_t step;	/* the plan's count: warm */
	int64_t budget; /* messages a day; -1 = warm */
};

/* Where a saved lane stands on its source's plan, operators' steps included. */
struct lane_warmup lane_warmup(const struct warmup_plan *plan, const struct lane_record *lane);
/* A lane and what stands above it, as saved. */
struct lane_view {
	struct lane_limits limits;
	struct warmup warmup;
	struct limiter shared[LIMIT_LEVEL_COUNT];
	struct permit_path path;
	int64_t now_ms;
	bool has_learnt; /* something was saved */
};

/* scope: of the lane, its source being in use. Points into itself and into the snapshot. */
void lane_view_init(struct lane_view *v, const struct ip_pool_snapshot *s,
		    const struct limit_scope *scope);

#define LANE_LEARNT_MAX 8

/* A number that no rule states: learnt, or the warm-up's. */
struct learnt_cap {
	enum limit_kind kind;
	enum limit_period period;
	struct cap cap;
};
size_t lane_view_learnt(struct lane_view *v, struct learnt_cap out[LANE_LEARNT_MAX]);
/* What changes next, in the form that nodes tell it (top --json); now_us: database time. */
json_t *lane_view_next(struct lane_view *v, int64_t now_us);

/* The verb limit explain. */
int lane_run_explain(struct cli *cli, struct err *err);

#endif
