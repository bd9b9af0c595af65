/* SPDX-License-Identifier: MIT */
/* The verbs about settings: what is in force and where it comes from, and the shared ones. */
#include "scheduler/cli/report_private.h"
#include "scheduler/cli/settings_private.h"
#include "scheduler/cli/steer_private.h"
#include "scheduler/cli/verbs.h"
#include "scheduler/setup/configure.h"
#include "scheduler/setup/shared_settings.h"

#define TEXT_MAX 65536

struct conf *cli_settings(const struct cli *cli, struct err *err)
{
	const char *sets[ARGS_MAX_OPTIONS];
	struct configure_options options = {.place = &cli->place,
					    .config_path = cli_option(cli, "config"),
					    .sets = sets,
					    .db = cli->db};
	while (args_option_at(&cli->args, "set", (int)options.set_count) != NULL) {
		sets[options.set_count] = args_option_at(&cli->args, "set", (int)options.set_count);
		options.set_count++;
	}
	return configure_load(&options, err);
}

/* ------------------------------------------------------------------------------------------ show
 */

static bool is_default(const struct conf *c, size_t key)
{
	return str_equals(str_from(conf_place(c, key)), STR("default"));
}

static json_t *key_json(const struct conf *c, size_t i)
{
	const struct conf_key *key = conf_key(c, i);
	return json_pack("{s:s, s:o, s:s, s:b, s:s, s:s, s:b, s:s}", "key", key->name, "value",
			 json_of_str(conf_text(c, i)), "from", conf_place(c, i), "is_default",
			 is_default(c, i), "default", key->preset, "scope",
			 key->scope == CONF_SHARED ? "shared" : "node", "reloadable",
			 key->is_reloadable, "help", key->help);
}

/* When a running node goes by a new value. */
static const char *when_taken(const struct cli *cli, const struct conf_key *key)
{
	if (!key->is_reloadable)
		return REPORT_SAY(cli, "at its next start", "下次启动时");
	return key->scope == CONF_SHARED
		       ? REPORT_SAY(cli, "within a second", "一秒内")
		       : REPORT_SAY(cli, "when it is told to read edm.conf (SIGHUP)",
				    "重新读取 edm.conf 时（SIGHUP）");
}

static int print_key(struct cli *cli, const struct conf *c, const char *name, struct err *err)
{
	size_t i;
	struct buf allowed;
	if (conf_find(c, str_from(name), &i) != 0)
		return err_set(err, ERR_NOT_FOUND,
			       "there is no setting '%s'; edm config lists them", name);
	if (cli->wants_json)
		return cli_print_json(cli, key_json(c, i));
	const struct conf_key *key = conf_key(c, i);
	buf_init(&allowed, 1024);
	conf_allowed(key, &allowed);
	cli_printf(cli, "%s = %.*s  # %s\n", key->name, STR_ARG(conf_text(c, i)), conf_place(c, i));
	cli_printf(cli,
		   REPORT_SAY(cli, "%s\nDefault: %s. May be: %s. %s; a running node takes it %s.\n",
			      "%s\n默认值：%s。可取值：%s。%s；运行中的节点%s生效。\n"),
		   key->help, key->preset[0] ? key->preset : REPORT_SAY(cli, "empty", "空"),
		   allowed.data,
		   key->scope == CONF_SHARED
			   ? REPORT_SAY(cli, "Shared by all nodes", "所有节点共用")
			   : REPORT_SAY(cli, "Each node has its own", "各节点独立"),
		   when_taken(cli, key));
	buf_done(&allowed);
	return 0;
}

static int print_all(struct cli *cli, const struct conf *c)
{
	bool only_set = cli_flag(cli, "only-set");
	struct buf text;
	if (cli->wants_json) {
		json_t *list = json_array();
		for (size_t i = 0; i < conf_count(c); i++)
			if (!only_set || !is_default(c, i))
				json_array_append_new(list, key_json(c, i));
		return cli_print_json(cli, json_pack("{s:o}", "settings", list));
	}
	buf_init(&text, TEXT_MAX);
	conf_print(c, only_set, &text);
	cli_printf(cli, "%s", text.len > 0 ? text.data : "every setting has its default\n");
	buf_done(&text);
	return 0;
}

static int run_show(struct cli *cli, struct err *err)
{
	if (cli_database(cli, err) == NULL)
		return -1;
	struct conf *c = cli_settings(cli, err);
	if (c == NULL)
		return -1;
	int result = cli_arg(cli, 0) ? print_key(cli, c, cli_arg(cli, 0), err) : print_all(cli, c);
	conf_drop(c);
	return result;
}

/* ------------------------------------------------------------------------------------ set, unset
 */

/* What a node's own file says wins over what holds for all; of the files only ours is known. */
static void warn_overridden(struct cli *cli, struct str key, json_t *warnings)
{
	size_t i;
	struct err err; /* a file that is wrong says so when it is used */
	struct conf *c = cli_settings(cli, &err);
	if (c == NULL)
		return;
	if (conf_find(c, key, &i) == 0 &&
	    !str_starts_with(str_from(conf_place(c, i)), STR("shared, ")))
		steer_warn(cli, warnings, "not on this node: its own setting is %.*s (%s)",
			   STR_ARG(conf_text(c, i)), conf_place(c, i));
	conf_drop(c);
}

static int run_set(struct cli *cli, struct err *err)
{
	struct change change = steer_change(cli);
	struct str value = str_from(cli_arg(cli, 0));
	struct str key = str_take_until(&value, '=');
	if (cli_arg(cli, 1) != NULL) {
		key = str_from(cli_arg(cli, 0));
		value = str_from(cli_arg(cli, 1));
	} else if (key.len == str_from(cli_arg(cli, 0)).len) {
		return err_set(err, ERR_USAGE, "the value is missing: edm config set KEY VALUE");
	}
	struct pg_blocking *db = cli_database(cli, err);
	if (db == NULL || shared_setting_set(db, key, value, &change, err) != 0)
		return -1;
	if (!cli->wants_json)
		cli_printf(cli,
			   REPORT_SAY(cli, "%.*s = %.*s on every node\n",
				      "%.*s = %.*s，所有节点生效\n"),
			   STR_ARG(key), STR_ARG(value));
	json_t *warnings = json_array();
	warn_overridden(cli, key, warnings);
	if (cli->wants_json)
		cli_print_json(cli, json_pack("{s:o, s:o, s:O}", "key", json_of_str(key), "value",
					      json_of_str(value), "warnings", warnings));
	json_decref(warnings);
	return 0;
}

static int run_unset(struct cli *cli, struct err *err)
{
	struct change change = steer_change(cli);
	struct str key = str_from(cli_arg(cli, 0));
	struct pg_blocking *db = cli_database(cli, err);
	if (db == NULL || shared_setting_unset(db, key, &change, err) != 0)
		return -1;
	if (cli->wants_json)
		return cli_print_json(cli, json_pack("{s:o, s:n, s:[]}", "key", json_of_str(key),
						     "value", "warnings"));
	cli_printf(cli, REPORT_SAY(cli, "%.*s has its default again\n", "%.*s 已恢复默认值\n"),
		   STR_ARG(key));
	return 0;
}

static const struct arg_option show_options[] = {
	{"only-set", NULL, "without the defaults"},
	{"set", "KEY=VALUE …", "as if edm run were given it"},
	{NULL, NULL, NULL},
};

/* "config" alone comes last: it would take "set" for its argument. */
const struct cli_verb config_verbs[] = {
	{.noun = "config",
	 .verb = "set",
	 .synopsis = "KEY VALUE",
	 .min_args = 1,
	 .max_args = 2,
	 .summary = "Set a shared setting, for every node",
	 .examples = "    edm config set retry.schedule 5min,30min,2h\n"
		     "    edm config set keep.outcomes_days 90 --because 'retention policy'",
	 .changes = true,
	 .takes_json = true,
	 .run = run_set},
	{.noun = "config",
	 .verb = "unset",
	 .synopsis = "KEY",
	 .min_args = 1,
	 .max_args = 1,
	 .summary = "Give a shared setting its default again",
	 .examples = "    edm config unset retry.schedule",
	 .changes = true,
	 .takes_json = true,
	 .run = run_unset},
	{.noun = "config",
	 .synopsis = "[KEY]",
	 .max_args = 1,
	 .options = show_options,
	 .summary = "Show the settings in force and where each comes from",
	 .examples = "    edm config\n"
		     "    edm config park_ms\n"
		     "    edm config --only-set --json",
	 .takes_json = true,
	 .run = run_show},
	{0},
};
