/* SPDX-License-Identifier: MIT */
/*
 * The composition root: the one place that knows every verb of the command line, those of the
 * command line proper (scheduler/cli) and the one that runs a node (scheduler/node).
 */
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
	char name[64]; /* of the node */
	struct secrets secrets;
	const char *sets[ARGS_MAX_OPTIONS];
	struct configure_options options;
	struct node_configuration start;    /* keys that take a restart stay as they are here */
	struct node_configuration fresh[2]; /* of the last reload and, while it is made, the next */
	size_t fresh_turn;
	struct buf file;      /* the text in force */
	struct buf next_file; /* read and not yet found good */
	bool has_next_file;
};

static int open_secret(void *context, struct str sealed, struct buf *out, struct err *err)
{
	const struct running *running = context;
	return secrets_open(&running->secrets, sealed, out, err);
}

static void set_options(struct running *running)
{
	const struct cli *cli = running->cli;
	struct configure_options *o = &running->options;
	*o = (struct configure_options){.place = &cli->place,
					.config_path = cli_option(cli, "config"),
					.sets = running->sets};
	while (args_option_at(&cli->args, "set", (int)o->set_count) != NULL) {
		running->sets[o->set_count] = args_option_at(&cli->args, "set", (int)o->set_count);
		o->set_count++;
	}
}

static int take_configuration(struct conf *conf, struct node_configuration *out, struct err *err)
{
	int result = node_configure(conf, out, err);
	if (result == 0)
		log_set_level((enum log_level)conf_number(out->conf, SETTING_LOG_LEVEL));
	return result;
}

/* The settings a node starts with. */
static int read_configuration(struct running *running, struct pg_blocking *db, struct err *err)
{
	struct pg_rows *shared = NULL;
	struct conf *conf = NULL;
	int result = -1;
	if (configure_read_file(&running->options, &running->file, err) != 0)
		return -1;
	if (pg_run(db, CONFIGURE_SHARED, NULL, &shared, err) == 0)
		conf = configure_make(&running->options, buf_str(&running->file), shared, err);
	if (conf != NULL)
		result = take_configuration(conf, &running->start, err);
	conf_drop(conf);
	pg_rows_free(shared);
	return result;
}

/* On a thread of the pool, while nothing else looks at next_file. */
static int read_files(void *context, struct err *err)
{
	struct running *running = context;
	buf_clear(&running->next_file);
	running->has_next_file =
		configure_read_file(&running->options, &running->next_file, err) == 0;
	return running->has_next_file ? 0 : -1;
}

static void note_waiting(const char *key)
{
	struct log_line l;
	if (!log_begin(&l, LOG_WARN, "setting_waits_for_restart"))
		return;
	log_cstr(&l, "key", key);
	log_end(&l);
}

static int make_configuration(struct running *running, const struct pg_rows *shared,
			      struct node_configuration *out, struct err *err)
{
	struct str file = buf_str(running->has_next_file ? &running->next_file : &running->file);
	struct conf *conf = configure_make(&running->options, file, shared, err);
	if (conf == NULL)
		return -1;
	const char *waiting = conf_keep(conf, running->start.conf);
	int result = take_configuration(conf, out, err);
	conf_drop(conf);
	if (result == 0 && waiting != NULL)
		note_waiting(waiting);
	return result;
}

static int make_settings(void *context, const struct pg_rows *shared, struct node_settings *out,
			 struct err *err)
{
	struct running *running = context;
	struct node_configuration *fresh = &running->fresh[running->fresh_turn];
	node_configuration_done(fresh);
	int result = make_configuration(running, shared, fresh, err);
	if (result == 0) {
		*out = fresh->settings;
		running->fresh_turn = 1 - running->fresh_turn;
	}
	if (result == 0 && running->has_next_file) {
		buf_clear(&running->file);
		buf_append_str(&running->file, buf_str(&running->next_file));
	}
	running->has_next_file = false;
	return result;
}

static int keep_name(void *context, struct err *err)
{
	const struct running *running = context;
	return node_name_keep(running->cli->place.data_dir, running->name, err);
}

/* On a thread of the pool. */
static int revive_database(void *context, struct err *err)
{
	const struct running *running = context;
	return place_start_database(&running->cli->place, false, err);
}

static void forget(struct running *running)
{
	node_configuration_done(&running->fresh[0]);
	node_configuration_done(&running->fresh[1]);
	node_configuration_done(&running->start);
	buf_done(&running->file);
	buf_done(&running->next_file);
	secrets_wipe(&running->secrets);
}

static int run_node(struct cli *cli, struct err *err)
{
	struct running running = {.cli = cli};
	set_options(&running);
	buf_init(&running.file, CONF_FILE_MAX);
	buf_init(&running.next_file, CONF_FILE_MAX);
	struct pg_blocking *db = cli_database(cli, err);
	if (db == NULL || place_make_data_dir(&cli->place, err) != 0 ||
	    node_name_choose(cli->place.data_dir, cli_option(cli, "node"), running.name,
			     sizeof(running.name), err) != 0 ||
	    secrets_load(cli->place.data_dir, true, &running.secrets, err) != 0 ||
	    read_configuration(&running, db, err) != 0) {
		forget(&running);
		return -1;
	}
	pg_close_blocking(db);
	cli->db = NULL;
	struct node_options options = {
		.database_url = cli->place.database_url,
		.data_dir = cli->place.data_dir,
		.name = running.name,
		.settings = running.start.settings,
		.on_joined = keep_name,
		.revive_database = cli->place.is_private ? revive_database : NULL,
		.read_files = read_files,
		.make_settings = make_settings,
		.secrets = {.open = open_secret, .context = &running},
		.context = &running,
	};
	int result = node_run(&options, err);
	forget(&running);
	return result;
}

static const struct arg_option run_options[] = {
	{"node", "NAME", "this node's name (default: the one used before, else the host's)"},
	{"set", "KEY=VALUE …", "a setting for this run; see: edm help settings"},
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
		event_verbs,	/* … and who changed what */
		NULL,
	};
	return cli_main(argc, argv, verbs);
}
