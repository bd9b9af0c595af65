/* SPDX-License-Identifier: MIT */
/* The settings in force for a verb: shared ones, the file of --config, --set. */
#ifndef EDM_SCHEDULER_CLI_SETTINGS_PRIVATE_H
#define EDM_SCHEDULER_CLI_SETTINGS_PRIVATE_H

#include "engine/base/conf.h"
#include "scheduler/cli/cli.h"

/* One reference, the caller's; NULL and err when they make no sense. The shared ones are left out
 * while cli->db is NULL. */
struct conf *cli_settings(const struct cli *cli, struct err *err);

#endif
