/* SPDX-License-Identifier: MIT */
/*
 * Inside of reclassify: what the plan leaves for carrying it out. Kind = what outcomes that are
 * alike have in common.
 */
#ifndef EDM_SCHEDULER_LEDGER_RECLASSIFY_PRIVATE_H
#define EDM_SCHEDULER_LEDGER_RECLASSIFY_PRIVATE_H

#include "scheduler/ledger/reclassify.h"

/* Outcomes that are alike in everything the rules look at, and in what was made of them. */
struct group {
	int64_t template;
	int32_t stage, code, enhanced, klass, cause, scope, state;
	struct str provider, rule; /* in the rows of the plan */
	int64_t n;
	struct verdict now;
	enum recipient_state new_state;
	bool is_kept, is_changed, suppresses;
};

/* A suppression, and the reply that it is for. */
struct misjudged {
	int64_t rid, at_us;
	int32_t campaign;
	bool is_lifted;
};

struct reclassify {
	struct pg_blocking *db;
	int64_t since_us, until_us;
	struct pg_rows *rows;
	struct group *groups;
	size_t count;
	struct misjudged *misjudged; /* by rid, each once */
	size_t misjudged_count;
	struct reclassify_counts counts;
};

enum key_array { KEY_TEMPLATE, KEY_STAGE, KEY_CODE, KEY_ENHANCED, KEY_PROVIDER, KEY_ARRAYS };
void kinds_init(struct pg_array keys[KEY_ARRAYS]);
void kinds_append(struct pg_array keys[KEY_ARRAYS], const struct group *g);
/* Adds n of them, and is done with them. */
void params_add_arrays(struct pg_params *p, struct pg_array *arrays, size_t n);
/* Adds the kinds that suppress, and what they are: ten parameters. */
void reclassify_add_suppressing(struct pg_params *p, const struct reclassify *r);
/* What flushes found stands in the table, too. */
int reclassify_fold(struct pg_blocking *db, struct err *err) NODISCARD;

#endif
