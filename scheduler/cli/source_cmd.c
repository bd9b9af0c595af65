/* SPDX-License-Identifier: MIT */
/* The verbs about sources: the addresses mail leaves from. */
#include "ip-pool/store/source_store.h"
#include "scheduler/cli/report_private.h"
#include "scheduler/cli/steer_private.h"
#include "scheduler/cli/verbs.h"

/* A weight given on the command line, else 0. */
static int weight_of(const struct cli *cli, int *weight_out, struct err *err)
{
	int64_t weight = 0;
	if (args_number(&cli->args, "weight", ARG_RANGE(1, SOURCE_WEIGHT_MAX), &weight, err) != 0)
		return -1;
	*weight_out = (int)weight;
	return 0;
}

static json_t *source_json(const struct ip_pool_snapshot *s, size_t i)
{
	const struct source *source = &s->sources[i];
	return json_pack(
		"{s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:i, s:s, s:b, s:i}", "id", (int)source->id,
		"name", json_of_str(source->name), "address", json_of_str(source->address),
		"public", json_of_str(source->public_address), "ehlo", json_of_str(source->ehlo),
		"pool", json_of_str(source->pool), "node", json_of_text_or_null(source->node),
		"weight", source->weight, "state", source_state_name(source->state),
		"on_this_machine", source_is_bindable(source->address), "warmup_steps",
		(int)s->plans[i].count);
}

/* The source as it is now, and what was warned of. */
static int print_now(struct cli *cli, struct str name, json_t *warnings, struct err *err)
{
	struct ip_pool_snapshot *s = NULL;
	if (steer_load(cli, &s, err) != 0)
		return -1;
	json_t *json = json_null();
	for (size_t i = 0; i < s->source_count; i++)
		if (str_equals(s->sources[i].name, name))
			json = source_json(s, i);
	ip_pool_snapshot_drop(s);
	if (json_is_object(json))
		json_object_set(json, "warnings", warnings);
	return cli_print_json(cli, json);
}

/* ------------------------------------------------------------------------------------------- add
 */

static int require(const struct cli *cli, const char *option, const char *why, struct err *err)
{
	if (cli_option(cli, option) != NULL)
		return 0;
	return err_set(err, ERR_USAGE, "--%s is missing: %s; see: edm source add --help", option,
		       why);
}

static int report_added(struct cli *cli, const struct source *s, json_t *warnings)
{
	bool is_here = source_is_bindable(s->address);
	if (!is_here)
		steer_warn(cli, warnings,
			   "%.*s is no address of this machine; mail leaves from it only where a "
			   "node runs that has it",
			   STR_ARG(s->address));
	if (cli->wants_json)
		return cli_print_json(
			cli, json_pack("{s:o, s:o, s:i, s:b, s:O}", "name", json_of_str(s->name),
				       "address", json_of_str(s->address), "id", (int)s->id,
				       "on_this_machine", is_here, "warnings", warnings));
	cli_printf(cli,
		   REPORT_SAY(cli, "source %.*s: mail leaves from %.*s as %.*s\n",
			      "发信源 %.*s：邮件从 %.*s 发出，EHLO 为 %.*s\n"),
		   STR_ARG(s->name), STR_ARG(s->address), STR_ARG(s->ehlo));
	return 0;
}

static int run_add(struct cli *cli, struct err *err)
{
	struct source s = {.name = steer_option(cli, "name"),
			   .address = str_from(cli_arg(cli, 0)),
			   .ehlo = steer_option(cli, "ehlo"),
			   .public_address = steer_option(cli, "public"),
			   .pool = steer_option(cli, "pool"),
			   .node = steer_option(cli, "node")};
	struct change change = steer_change(cli);
	if (require(cli, "name", "what the source is called, as in mx1", err) != 0 ||
	    require(cli, "ehlo", "the host name it says to receivers, as in mx1.example.com",
		    err) != 0 ||
	    weight_of(cli, &s.weight, err) != 0)
		return -1;
	struct pg_blocking *db = cli_database(cli, err);
	if (db == NULL || source_store_add(db, &s, &change, &s.id, err) != 0)
		return -1;
	json_t *warnings = json_array();
	int result = steer_warn_node(cli, s.node, warnings, err);
	if (result == 0)
		result = report_added(cli, &s, warnings);
	json_decref(warnings);
	return result;
}

/* ------------------------------------------------------------------------------------------- set
 */

/* What one transaction changes. */
struct setting {
	struct cli *cli;
	struct str name;
	struct source_change wanted;
	bool changes_fields;
};

static int apply_setting(void *owner, struct err *err)
{
	const struct setting *s = owner;
	struct change change = steer_change(s->cli);
	struct pg_blocking *db = s->cli->db;
	if (s->changes_fields && source_store_set(db, s->name, &s->wanted, &change, err) != 0)
		return -1;
	return cli_flag(s->cli, "active")
		       ? source_store_move(db, s->name, SOURCE_ACTIVE, &change, err)
		       : 0;
}

static int run_set(struct cli *cli, struct err *err)
{
	struct setting s = {.cli = cli,
			    .name = str_from(cli_arg(cli, 0)),
			    .wanted = {.ehlo = steer_option(cli, "ehlo"),
				       .public_address = steer_option(cli, "public"),
				       .pool = steer_option(cli, "pool"),
				       .node = steer_option(cli, "node"),
				       .sets_node = cli_option(cli, "node") != NULL}};
	const struct source_change *w = &s.wanted;
	if (weight_of(cli, &s.wanted.weight, err) != 0)
		return -1;
	s.changes_fields = !str_is_empty(w->ehlo) || !str_is_empty(w->public_address) ||
			   !str_is_empty(w->pool) || w->sets_node || w->weight > 0;
	if (!s.changes_fields && !cli_flag(cli, "active"))
		return err_set(err, ERR_USAGE,
			       "say what to change: --ehlo, --public, --pool, --weight, --node or "
			       "--active; see: edm source set --help");
	struct pg_blocking *db = cli_database(cli, err);
	if (db == NULL || pg_transaction(db, apply_setting, &s, err) != 0)
		return -1;
	if (!cli->wants_json)
		cli_printf(cli, REPORT_SAY(cli, "source %.*s is changed\n", "发信源 %.*s 已更改\n"),
			   STR_ARG(s.name));
	json_t *warnings = json_array();
	int result = steer_warn_node(cli, w->node, warnings, err);
	if (result == 0 && cli->wants_json)
		result = print_now(cli, s.name, warnings, err);
	json_decref(warnings);
	return result;
}

/* --------------------------------------------------------------------------------- drain, remove
 */

static int run_drain(struct cli *cli, struct err *err)
{
	struct str name = str_from(cli_arg(cli, 0));
	struct change change = steer_change(cli);
	struct pg_blocking *db = cli_database(cli, err);
	if (db == NULL || source_store_move(db, name, SOURCE_DRAINING, &change, err) != 0)
		return -1;
	if (cli->wants_json) {
		json_t *none = json_array();
		int result = print_now(cli, name, none, err);
		json_decref(none);
		return result;
	}
	cli_printf(
		cli,
		REPORT_SAY(cli,
			   "source %.*s finishes what it has and takes nothing new; edm source "
			   "set %.*s --active puts it back\n",
			   "发信源 %.*s 发完现有邮件，不再接受新的；edm source set %.*s --active "
			   "可恢复\n"),
		STR_ARG(name), STR_ARG(name));
	return 0;
}

static int confirm_remove(struct cli *cli, const struct ip_pool_snapshot *s, struct str name,
			  struct err *err)
{
	const struct source *source = ip_pool_source(s, name);
	size_t lanes = 0;
	if (source == NULL)
		return steer_check_source(s, name, err);
	for (size_t i = 0; i < s->lane_count; i++)
		lanes += s->lanes[i].source == source->id;
	return cli_confirm(cli, err, "Removing source %.*s (%.*s) with what its %zu %s learnt",
			   STR_ARG(name), STR_ARG(source->address), lanes,
			   plural((int64_t)lanes, "lane", "lanes"));
}

/* They are of its name: another source of that name would have them. */
static size_t count_limits(const struct ip_pool_snapshot *s, struct str name)
{
	size_t count = 0;
	for (size_t i = 0; i < s->limits.count; i++)
		count += str_equals(s->limits.rules[i].source, name);
	return count;
}

static int run_remove(struct cli *cli, struct err *err)
{
	struct str name = str_from(cli_arg(cli, 0));
	struct change change = steer_change(cli);
	struct ip_pool_snapshot *s = NULL;
	if (steer_load(cli, &s, err) != 0)
		return -1;
	int result = confirm_remove(cli, s, name, err);
	size_t limits = count_limits(s, name);
	ip_pool_snapshot_drop(s);
	if (result != 0 || source_store_move(cli->db, name, SOURCE_REMOVED, &change, err) != 0)
		return -1;
	if (cli->wants_json)
		return cli_print_json(cli, json_pack("{s:o, s:s, s:i}", "name", json_of_str(name),
						     "state", source_state_name(SOURCE_REMOVED),
						     "limits_left", (int)limits));
	cli_printf(cli,
		   REPORT_SAY(cli, "source %.*s is removed; reports still name it\n",
			      "发信源 %.*s 已移除；报表中仍会出现\n"),
		   STR_ARG(name));
	if (limits > 0)
		cli_printf(cli,
			   REPORT_SAY(cli,
				      "%zu %s for another source of that name: edm limit show, "
				      "edm limit unset --source %.*s\n",
				      "%zu %s，供同名的发信源使用：edm limit show，edm limit unset "
				      "--source %.*s\n"),
			   limits,
			   REPORT_SAY(cli,
				      plural((int64_t)limits, "limit set for it stays,",
					     "limits set for it stay,"),
				      "条为它设定的限制保留"),
			   STR_ARG(name));
	return 0;
}

/* ------------------------------------------------------------------------------------------ show
 */

static const char *state_of(const struct cli *cli, enum source_state state)
{
	return words_named_state(source_state_name(state), report_language(cli));
}

static void source_row(const struct cli *cli, struct table *t, const struct ip_pool_snapshot *s,
		       size_t i)
{
	const struct source *source = &s->sources[i];
	table_str(t, source->name);
	table_str(t, source->address);
	table_str(t, source->public_address);
	table_str(t, source->ehlo);
	table_str(t, source->pool);
	table_cell(t, "%d", source->weight);
	table_str_or_dash(t, source->node);
	table_cell(t, "%s%s", state_of(cli, source->state),
		   s->plans[i].count > 0 ? REPORT_SAY(cli, ", warming up", "，预热中") : "");
}

static bool is_shown(const struct source *source, struct str name)
{
	return str_is_empty(name) || str_equals(source->name, name);
}

static int print_sources(struct cli *cli, const struct ip_pool_snapshot *s, struct str name)
{
	struct table t;
	json_t *list = json_array();
	table_init(&t, REPORT_SAY(cli, "source|address|public|ehlo|pool|weight|node|state",
				  "发信源|发信 IP|公网 IP|EHLO|IP 池|权重|节点|状态"));
	for (size_t i = 0; i < s->source_count; i++) {
		if (!is_shown(&s->sources[i], name))
			continue;
		source_row(cli, &t, s, i);
		json_array_append_new(list, source_json(s, i));
	}
	if (cli->wants_json) {
		table_done(&t);
		return cli_print_json(cli, json_pack("{s:o}", "sources", list));
	}
	json_decref(list);
	table_print(&t, cli,
		    REPORT_SAY(cli,
			       "no source yet: edm source add ADDRESS --name mx1 --ehlo "
			       "mx1.example.com",
			       "还没有发信源：edm source add ADDRESS --name mx1 --ehlo "
			       "mx1.example.com"));
	return 0;
}

static int run_show(struct cli *cli, struct err *err)
{
	struct str name = str_from(cli_arg(cli, 0));
	struct ip_pool_snapshot *s = NULL;
	if (steer_load(cli, &s, err) != 0)
		return -1;
	int result = steer_check_source(s, name, err);
	if (result == 0)
		result = print_sources(cli, s, name);
	ip_pool_snapshot_drop(s);
	return result;
}

/* ----------------------------------------------------------------------------------------- verbs
 */

static const struct arg_option add_options[] = {
	{"name", "NAME", "what it is called in lanes, limits and reports"},
	{"ehlo", "HOST", "host name it says in EHLO; its DNS should lead back to the address"},
	{"public", "IP", "address the world sees, when NAT changes it"},
	{"pool", "POOL", "label that campaigns choose by (default: default)"},
	{"weight", "N", "share among the sources of the pool, 1 to 1000 (default: 1)"},
	{"node", "NODE", "the node that has the address (default: whichever does)"},
	{NULL, NULL, NULL},
};

static const struct arg_option set_options[] = {
	{"ehlo", "HOST", "host name it says in EHLO"},
	{"public", "IP", "address the world sees"},
	{"pool", "POOL", "label that campaigns choose by"},
	{"weight", "N", "share among the sources of the pool, 1 to 1000"},
	{"node", "NODE", "the node that has the address; empty: whichever does"},
	{"active", NULL, "take new mail again after a drain"},
	{NULL, NULL, NULL},
};

const struct cli_verb source_verbs[] = {
	{.noun = "source",
	 .verb = "add",
	 .synopsis = "ADDRESS",
	 .min_args = 1,
	 .max_args = 1,
	 .options = add_options,
	 .summary = "Add an address to send from",
	 .examples = "    edm source add 203.0.113.10 --name mx1 --ehlo mx1.example.com\n"
		     "    edm source add 10.0.0.5 --name mx2 --ehlo mx2.example.com --public "
		     "203.0.113.11",
	 .takes_json = true,
	 .changes = true,
	 .run = run_add},
	{.noun = "source",
	 .verb = "set",
	 .synopsis = "NAME",
	 .min_args = 1,
	 .max_args = 1,
	 .options = set_options,
	 .summary = "Change a source",
	 .examples = "    edm source set mx1 --weight 3\n"
		     "    edm source set mx1 --active --because 'the block is lifted'",
	 .changes = true,
	 .takes_json = true,
	 .run = run_set},
	{.noun = "source",
	 .verb = "drain",
	 .synopsis = "NAME",
	 .min_args = 1,
	 .max_args = 1,
	 .summary = "Let a source finish what it has and take nothing new",
	 .examples = "    edm source drain mx1 --because 'moving to another address'",
	 .changes = true,
	 .takes_json = true,
	 .run = run_drain},
	{.noun = "source",
	 .verb = "remove",
	 .synopsis = "NAME",
	 .min_args = 1,
	 .max_args = 1,
	 .summary = "Remove a source; reports still name it",
	 .examples = "    edm source remove mx1 --yes",
	 .changes = true,
	 .asks = true,
	 .takes_json = true,
	 .run = run_remove},
	{.noun = "source",
	 .verb = "show",
	 .synopsis = "[NAME]",
	 .max_args = 1,
	 .summary = "Show the sources",
	 .examples = "    edm source show\n"
		     "    edm source show mx1 --json",
	 .takes_json = true,
	 .run = run_show},
	{0},
};
