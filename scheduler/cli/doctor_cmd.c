/* SPDX-License-Identifier: MIT */
/* The verb doctor: is this machine fit to send? */
#include <stdlib.h>

#include "scheduler/cli/report_private.h"
#include "scheduler/cli/verbs.h"
#include "scheduler/setup/configure.h"
#include "scheduler/setup/doctor.h"
#include "scheduler/setup/migrate.h"

static void print_report(struct cli *cli, const struct doctor_report *report)
{
	static const char *const levels_zh[] = {
		[DOCTOR_OK] = "正常", [DOCTOR_WARN] = "警告", [DOCTOR_FAIL] = "失败"};
	struct buf check, text;
	buf_init(&check, REPORT_SENTENCE_MAX);
	buf_init(&text, REPORT_SENTENCE_MAX);
	for (size_t i = 0; i < report->count; i++) {
		const struct doctor_finding *f = &report->findings[i];
		cli_printf(cli, REPORT_SAY(cli, "%-4s  %s: %s\n", "%s  %s：%s\n"),
			   REPORT_NAMED(cli, doctor_level_name(f->level), levels_zh, f->level),
			   report_sentence(cli, f->check, &check),
			   report_sentence(cli, f->text, &text));
	}
	buf_done(&check);
	buf_done(&text);
}

/* The settings as a node would have them; without the shared ones while the database is away. */
static struct conf *load_settings(struct cli *cli, struct err *err)
{
	const char *sets[ARGS_MAX_OPTIONS];
	struct err ignored;
	struct configure_options options = {
		.place = &cli->place, .config_path = cli_option(cli, "config"), .sets = sets};
	while (options.set_count < ARGS_MAX_OPTIONS) {
		const char *set = args_option_at(&cli->args, "set", (int)options.set_count);
		if (set == NULL)
			break;
		sets[options.set_count++] = set;
	}
	/* Doctor itself says what is wrong with a database that can't be used. */
	if (place_start_database(&cli->place, false, &ignored) == 0)
		options.db = pg_open_blocking(cli->place.database_url, "edm doctor", &ignored);
	if (options.db != NULL && migrate_check(options.db, &ignored) != 0) {
		pg_close_blocking(options.db);
		options.db = NULL;
	}
	struct conf *conf = configure_load(&options, err);
	pg_close_blocking(options.db);
	return conf;
}

static int run_doctor(struct cli *cli, struct err *err)
{
	struct conf *conf = load_settings(cli, err);
	if (conf == NULL)
		return -1;
	const char *node = cli_option(cli, "node");
	struct doctor_report *report = xcalloc(1, sizeof(*report));
	struct doctor_options options = {&cli->place, conf, node != NULL ? node : ""};
	doctor_run(&options, report);
	if (cli->wants_json)
		cli_print_json(cli, doctor_json(report));
	else
		print_report(cli, report);
	int result = doctor_worst(report) < DOCTOR_FAIL
			     ? 0
			     : err_set(err, ERR_SYSTEM,
				       "this machine cannot send as it is: see the "
				       "lines that say fail");
	doctor_done(report);
	free(report);
	conf_drop(conf);
	return result;
}

static const struct arg_option doctor_options[] = {
	{"node", "NAME", "look at the sources of this node only"},
	{"set", "KEY=VALUE …", "as if edm run were given it"},
	{NULL, NULL, NULL},
};

const struct cli_verb doctor_verbs[] = {
	{.noun = "doctor",
	 .options = doctor_options,
	 .summary = "Check whether this machine is fit to send, and say what to do if not",
	 .examples = "    edm doctor\n"
		     "    edm doctor --json",
	 .takes_json = true,
	 .run = run_doctor},
	{0},
};
