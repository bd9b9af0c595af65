/* SPDX-License-Identifier: MIT */
/* The verbs of `edm rules` that stand in other files than the table of verbs. */
#ifndef EDM_SCHEDULER_CLI_RULES_PRIVATE_H
#define EDM_SCHEDULER_CLI_RULES_PRIVATE_H

#include "scheduler/cli/cli.h"

int rules_run_list(struct cli *cli, struct err *err);
int rules_run_add(struct cli *cli, struct err *err);
int rules_run_learn(struct cli *cli, struct err *err);
int rules_run_remove(struct cli *cli, struct err *err);
int rules_run_restore(struct cli *cli, struct err *err);
int rules_run_diff(struct cli *cli, struct err *err);
int rules_run_apply(struct cli *cli, struct err *err);

extern const struct arg_option rules_list_options[], rules_learn_options[], rules_apply_options[];

#endif
