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

/* What a node says of the lane now is newer than what was saved. */
void lane_view_take_live(struct lane_view *v, const json_t *live);

#define LANE_LEARNT_MAX 8

/* A number that no rule states: learnt, a rest (0 messages), or the warm-up's. */
struct learnt_cap {
	enum limit_kind kind;
	enum limit_period period;
	struct cap cap;
	int64_t learnt_ms;  /* then; 0: not known */
	const char *reply;  /* from these words; "": not known; NULL: it was not learnt */
	bool is_of_windows; /* what it may send in a time, or that it is turned away for that */
};
size_t lane_view_learnt(struct lane_view *v, struct learnt_cap out[LANE_LEARNT_MAX]);
/* Is it a number that only a refusal teaches, and tighter than what is configured? */
bool lane_view_is_tighter(struct lane_view *v, const struct learnt_cap *cap);

/* Why a lane stands still by itself. X(suffix, name) */
#define LANE_RESTS(X)                                                                              \
	X(NONE, "none")                                                                            \
	X(BLOCKED, "blocked")	   /* the receiver blocks it */                                    \
	X(ASKED, "rest")	   /* the receiver asked for it */                                 \
	X(AWAY, "turned-away")	   /* for what it sent: tries one by one */                        \
	X(DEAD, "does-not-answer") /* no connection; tries one by one */
#define X(suffix, name) LANE_REST_##suffix,
enum lane_rest_kind { LANE_RESTS(X) };
#undef X

struct lane_rest {
	enum lane_rest_kind kind;
	int64_t until_ms;  /* its end, or the next try; now or earlier: at once */
	const char *reply; /* the words for it; "": not known */
};
const char *lane_rest_name(enum lane_rest_kind kind);
/* Of what was saved. */
struct lane_rest lane_view_rest(const struct lane_view *v);

/* What binds it, and what changes next, in the form that nodes tell it (top --json); now_us:
 * database time. NULL: nothing binds. */
json_t *lane_view_binds(struct lane_view *v, int64_t now_us);
json_t *lane_view_next(struct lane_view *v, int64_t now_us);

/* The verb limit explain: its answer for people. */
int lane_run_explain(struct cli *cli, struct err *err);
void lane_print_answer(struct cli *cli, const json_t *answer);

/* ---- limit_learnt.c: what lanes learnt, beside the limits operators set */
/* The table of limit show, and its list for --json. */
json_t *limit_learnt_json(const struct ip_pool_snapshot *s);
void limit_learnt_print(struct cli *cli, const json_t *learnt);
/* Of the lanes that a rule is about, what still binds them although it was set; a list. */
json_t *limit_still_learnt(const struct ip_pool_snapshot *s, const struct limit_rule *rule);
/* One sentence about that list; nothing if it is empty. */
void limit_still_learnt_print(struct cli *cli, const json_t *learnt);
/* The verb limit forget. */
int limit_run_forget(struct cli *cli, struct err *err);
/* Lanes that rest by themselves now, for pauses. */
json_t *lane_rests_json(const struct ip_pool_snapshot *s);
void lane_rests_print(struct cli *cli, const json_t *rests);

#endif
