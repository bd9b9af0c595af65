/* SPDX-License-Identifier: MIT */
/* What the files of `edm campaign` share. Every run_ function is the run of a verb (args.h). */
#ifndef EDM_SCHEDULER_CLI_CAMPAIGN_PRIVATE_H
#define EDM_SCHEDULER_CLI_CAMPAIGN_PRIVATE_H

#include "scheduler/campaign/store.h"
#include "scheduler/cli/cli.h"

extern const struct arg_option campaign_create_options[];
extern const struct arg_option campaign_edit_options[];
int run_campaign_create(struct cli *cli, struct err *err);
int run_campaign_edit(struct cli *cli, struct err *err);

int run_campaign_check(struct cli *cli, struct err *err);
int run_campaign_schedule(struct cli *cli, struct err *err);
int run_campaign_unschedule(struct cli *cli, struct err *err);
int run_campaign_start(struct cli *cli, struct err *err);
int run_campaign_pause(struct cli *cli, struct err *err);
int run_campaign_resume(struct cli *cli, struct err *err);
int run_campaign_cancel(struct cli *cli, struct err *err);
int run_campaign_resend(struct cli *cli, struct err *err);

int run_campaign_show(struct cli *cli, struct err *err);
int run_campaign_watch(struct cli *cli, struct err *err);
int run_campaign_wait(struct cli *cli, struct err *err);

int run_campaign_forecast(struct cli *cli, struct err *err);
/* When it will be done, as `campaign forecast` has it likely; 0: it is not running, no node is,
 * never, or it cannot be told, or not in a moment (forecast_likely_end). */
int64_t campaign_likely_end(struct cli *cli, const struct campaign_row *campaign);

int run_campaign_preview(struct cli *cli, struct err *err);
int run_campaign_test(struct cli *cli, struct err *err);

/* The campaign called name, or that of the first argument (NULL); end with campaign_view_done, also
 * after a failure. */
int campaign_load_one(struct cli *cli, const char *name, struct campaign_view *view,
		      struct err *err) NODISCARD;
/* Who changes it, and why. */
struct campaign_actor campaign_by(const struct cli *cli);
/* --tz, else Asia/Shanghai for who reads Chinese, else UTC. */
const char *campaign_zone(const struct cli *cli);
/* Says it on standard output when no node runs to act on what was done. */
int campaign_tell_nodes(struct cli *cli, struct err *err) NODISCARD;

#endif
