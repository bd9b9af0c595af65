/* SPDX-License-Identifier: MIT */
/*
 * The verbs of the command line: one array a noun (a few small verbs share one), each defined in
 * the file named after it and ended by a NULL noun. main.c joins them, in the order of `edm
 * --help`.
 */
#ifndef EDM_SCHEDULER_CLI_VERBS_H
#define EDM_SCHEDULER_CLI_VERBS_H

#include "scheduler/cli/cli.h"

extern const struct cli_verb basic_verbs[]; /* init, down, sql, version, help */
extern const struct cli_verb doctor_verbs[];
extern const struct cli_verb list_verbs[];
extern const struct cli_verb suppress_verbs[];
extern const struct cli_verb campaign_verbs[];
extern const struct cli_verb domain_verbs[];
extern const struct cli_verb config_verbs[];
extern const struct cli_verb fleet_verbs[]; /* node */
extern const struct cli_verb rules_verbs[];
extern const struct cli_verb source_verbs[];
extern const struct cli_verb provider_verbs[];
extern const struct cli_verb route_verbs[];
extern const struct cli_verb limit_verbs[];
extern const struct cli_verb pause_verbs[]; /* pause, resume, pauses */
extern const struct cli_verb warmup_verbs[];
extern const struct cli_verb report_verbs[]; /* report campaign, bounces, recipients, replies */
extern const struct cli_verb why_verbs[];
extern const struct cli_verb top_verbs[];
extern const struct cli_verb event_verbs[]; /* events */

#endif
