/* SPDX-License-Identifier: MIT */
/* The verbs of `edm rules` that stand in other files than the table of verbs. */
#ifndef EDM_SCHEDULER_CLI_RULES_PRIVATE_H
#define EDM_SCHEDULER_CLI_RULES_PRIVATE_H

#include "engine/reply/rules.h"
#include "scheduler/cli/cli.h"

int rules_run_list(struct cli *cli, struct err *err);
int rules_run_add(struct cli *cli, struct err *err);
int rules_run_learn(struct cli *cli, struct err *err);
int rules_run_remove(struct cli *cli, struct err *err);
int rules_run_restore(struct cli *cli, struct err *err);
int rules_run_diff(struct cli *cli, struct err *err);
int rules_run_apply(struct cli *cli, struct err *err);

/* [{"id", "why", "text"}] of the operators' rules that are not in force; a new reference. */
json_t *rules_left_out(const struct rule_set *set);
/* Says each of that list, in the language in force. */
void rules_tell_left_out(const struct cli *cli, const json_t *list, const char *before, FILE *to);

extern const struct arg_option rules_list_options[], rules_learn_options[], rules_apply_options[];

/* ---- rules_words.c: what is told of a rule, in the language in force; constants */
const char *rules_class_words(const struct cli *cli, enum outcome_class klass);
const char *rules_cause_words(const struct cli *cli, enum outcome_cause cause);
const char *rules_scope_words(const struct cli *cli, enum outcome_scope scope);
const char *rules_persistence_words(const struct cli *cli, enum rule_persistence persistence);
const char *rules_miss_words(const struct cli *cli, enum rule_miss miss);
/* "suppress, alert"; "none". */
void rules_say_actions(const struct cli *cli, unsigned actions, struct buf *out);

#endif
