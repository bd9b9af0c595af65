/* SPDX-License-Identifier: MIT */
/*
 * The composition root: the one place that knows every verb of the command line, those of the
 * command line proper (scheduler/cli) and the one that runs a node (scheduler/node).
 */
#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"
#include "scheduler/cli/verbs.h"
#include "scheduler/node/configure.h"
#include "scheduler/settings.h"
#include "scheduler/setup/configure.h"
#include "scheduler/setup/node_name.h"
#include "scheduler/setup/secrets.h"

/* What a running node's callbacks need. */
struct running {
	struct cli *cli;
	struct secrets secrets;
	struct node_configuration in_force, fresh;
	char *reload_url;
};

static int open_secret(void *context, struct str sealed, struct buf *out, struct err *err)
{
	const struct running *running = context;
	return secrets_open(&running->secrets, sealed, out, err);
}

static int load_configuration(struct cli *cli, struct pg_blocking *db,
			      struct node_configuration *out, struct err *err)
{
	const char *sets[ARGS_MAX_OPTIONS];
	struct configure_options options = {.place = &cli->place,
					    .config_path = cli_option(cli, "config"),
					    .sets = sets,
					    .db = db};
	while (args_option_at(&cli->args, "set", (int)options.set_count) != NULL) {
		sets[options.set_count] = args_option_at(&cli->args, "set", (int)options.set_count);
		options.set_count++;
	}
	struct conf *conf = configure_load(&options, err);
	if (conf == NULL)
		return -1;
	int result = node_configure(conf, out, err);
	conf_drop(conf);
	if (result == 0)
		log_set_level((enum log_level)conf_number(out->conf, SETTING_LOG_LEVEL));
	return result;
}

/* All of it again. The loop waits for the database here, but not for long. */
static int reload(void *context, struct node_settings *out, struct err *err)
{
	struct running *running = context;
	struct node_configuration fresh;
	struct pg_blocking *db = pg_open_blocking(running->reload_url, "edm reload", err);
	if (db == NULL)
		return -1;
	int result = load_configuration(running->cli, db, &fresh, err);
	pg_close_blocking(db);
	if (result != 0)
		return -1;
	node_configuration_done(&running->fresh);
	running->fresh = fresh;
	*out = fresh.settings;
	return 0;
}

/* The URL with a limit on how long connecting may take. */
static char *reload_url_of(const char *url)
{
	struct buf b;
	buf_init(&b, 8192);
	bool is_uri = strstr(url, "://") != NULL;
	const char *join = !is_uri ? " " : strchr(url, '?') ? "&" : "?";
	buf_appendf(&b, "%s%sconnect_timeout=2", url, join);
	char *text = xstrndup(b.data, b.len);
	buf_done(&b);
	return text;
}

static int run_node(struct cli *cli, struct err *err)
{
	char name[64];
	struct running running = {.cli = cli};
	struct pg_blocking *db = cli_database(cli, err);
	if (db == NULL || place_make_data_dir(&cli->place, err) != 0 ||
	    node_name_choose(cli->place.data_dir, cli_option(cli, "node"), name, sizeof(name),
			     err) != 0 ||
	    secrets_load(cli->place.data_dir, true, &running.secrets, err) != 0 ||
	    load_configuration(cli, db, &running.in_force, err) != 0)
		return -1;
	pg_close_blocking(db);
	cli->db = NULL;
	struct node_options options = {
		.database_url = cli->place.database_url,
		.data_dir = cli->place.data_dir,
		.name = name,
		.settings = running.in_force.settings,
		.reload = reload,
		.secrets = {.open = open_secret, .context = &running},
		.context = &running,
	};
	running.reload_url = reload_url_of(cli->place.database_url);
	int result = node_run(&options, err);
	free(running.reload_url);
	node_configuration_done(&running.fresh);
	node_configuration_done(&running.in_force);
	secrets_wipe(&running.secrets);
	return result;
}

static const struct arg_option run_options[] = {
	{"node", "NAME", "this node's name (default: the one used before, else the host's)"},
	{"set", "KEY=VALUE", "a setting for this run (repeatable); see: edm help settings"},
	{NULL, NULL, NULL},
};

static const struct cli_verb node_verbs[] = {
	{.noun = "run",
	 .synopsis = "",
	 .options = run_options,
	 .summary = "send: runs a node in the foreground until SIGTERM or SIGINT",
	 .examples = "    edm run\n    edm run --node mx1 --set log.level=debug",
	 .run = run_node},
	{.noun = NULL},
};

int main(int argc, char **argv)
{
	/* In the order of edm --help. */
	static const struct cli_verb *const verbs[] = {
		basic_verbs,	/* init, down, sql, version, help */
		node_verbs,	/* run */
		doctor_verbs,	/* doctor */
		config_verbs,	/* config */
		domain_verbs,	/* whom it comes from */
		source_verbs,	/* from where it leaves */
		list_verbs,	/* people */
		suppress_verbs, /* … who get nothing */
		campaign_verbs, /* what they get */
		provider_verbs, /* where it arrives */
		route_verbs,	/* … by another way */
		limit_verbs,	/* how fast */
		pause_verbs,	/* pause, resume, pauses */
		warmup_verbs,	/* how fast at first */
		fleet_verbs,	/* node */
		rules_verbs,	/* what replies mean */
		report_verbs,	/* what became of it */
		why_verbs,	/* … and why */
		top_verbs,	/* … and now */
		NULL,
	};
	return cli_main(argc, argv, verbs);
}
