/* SPDX-License-Identifier: MIT */
/* The verbs about providers: the built-in profiles and what operators put over them. */
#include <stdlib.h>
#include <string.h>

#include "ip-pool/store/provider_store.h"
#include "scheduler/cli/report_private.h"
#include "scheduler/cli/steer_private.h"
#include "scheduler/cli/verbs.h"

/* A number of a profile: its key in the profile's JSON, and where it stands in limit_values. */
struct profile_number {
	const char *key;
	size_t offset;
};

static const struct profile_number profile_numbers[] = {
	{"connections", offsetof(struct limit_values, connections)},
	{"messages_per_connection", offsetof(struct limit_values, messages_per_connection)},
	{"new_connections_per_min", offsetof(struct limit_values, new_connections[LIMIT_MINUTE])},
	{"messages_per_min", offsetof(struct limit_values, messages[LIMIT_MINUTE])},
	{"messages_per_hour", offsetof(struct limit_values, messages[LIMIT_HOUR])},
	{"messages_per_day", offsetof(struct limit_values, messages[LIMIT_DAY])},
};

static int64_t *number_at(struct limit_values *v, size_t i)
{
	return (int64_t *)(void *)((char *)v + profile_numbers[i].offset);
}

/* ------------------------------------------------------------------------------------------ show
 */

static json_t *strings_json(const struct str *items, size_t count)
{
	json_t *list = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, json_of_str(items[i]));
	return list;
}

static json_t *limits_json(const struct provider *p)
{
	json_t *limits = json_object();
	struct limit_values values = p->limits;
	for (size_t i = 0; i < ARRAY_LEN(profile_numbers); i++) {
		int64_t n = *number_at(&values, i);
		json_object_set_new(limits, profile_numbers[i].key,
				    n == LIMIT_NONE ? json_null() : json_integer(n));
	}
	return limits;
}

static bool is_same_profile(const struct provider *a, const struct provider *b)
{
	return memcmp(&a->limits, &b->limits, sizeof(a->limits)) == 0 && a->verp == b->verp &&
	       a->initial_connections == b->initial_connections &&
	       a->mx_suffix_count == b->mx_suffix_count && a->domain_count == b->domain_count;
}

/* "built-in", "changed" (an operator's keys over it) or "own". */
static const char *origin_of(const struct provider_table *builtin, const struct provider *p)
{
	const struct provider *b = provider_find(builtin, p->name);
	if (b == NULL)
		return "own";
	return is_same_profile(b, p) ? "built-in" : "changed";
}

static const char *origin_words(const struct cli *cli, const char *origin)
{
	static const char *const names[][2] = {
		{"built-in", "内置"}, {"changed", "已更改"}, {"own", "自建"}};
	for (size_t i = 0; cli->is_chinese && i < ARRAY_LEN(names); i++)
		if (strcmp(names[i][0], origin) == 0)
			return names[i][1];
	return origin;
}

static json_t *provider_json(const struct provider_table *builtin, const struct provider *p)
{
	return json_pack("{s:o, s:{s:o, s:o}, s:s, s:o, s:o, s:b, s:I, s:o}", "name",
			 json_of_str(p->name), "title", "en", json_of_str(p->title_en), "zh",
			 json_of_str(p->title_zh), "origin", origin_of(builtin, p), "mx_suffixes",
			 strings_json(p->mx_suffixes, p->mx_suffix_count), "domains",
			 strings_json(p->domains, p->domain_count), "verp", p->verp,
			 "initial_connections", (json_int_t)p->initial_connections, "limits",
			 limits_json(p));
}

static void append_list(struct buf *out, const struct str *items, size_t count)
{
	for (size_t i = 0; i < count; i++)
		buf_appendf(out, "%s%.*s", i > 0 ? ", " : "", STR_ARG(items[i]));
}

static void provider_row(struct cli *cli, struct table *t, const struct provider_table *builtin,
			 const struct provider *p)
{
	struct buf limits, hosts;
	buf_init(&limits, 512);
	buf_init(&hosts, 512);
	limit_values_render(&p->limits, &limits);
	append_list(&hosts, p->mx_suffixes, p->mx_suffix_count);
	table_str(t, p->name);
	table_str_or_dash(t, cli->is_chinese ? p->title_zh : p->title_en);
	table_str_or_dash(t, buf_str(&limits));
	table_str(t,
		  str_from(p->verp ? REPORT_SAY(cli, "yes", "是") : REPORT_SAY(cli, "no", "否")));
	table_str(t, str_from(origin_words(cli, origin_of(builtin, p))));
	table_str(t, buf_str(&hosts));
	buf_done(&limits);
	buf_done(&hosts);
}

static int print_providers(struct cli *cli, const struct ip_pool_snapshot *s, struct str name,
			   struct err *err)
{
	struct provider_table *builtin = NULL;
	struct table t;
	json_t *list = json_array();
	if (provider_table_builtin(NULL, 0, &builtin, err) != 0) {
		json_decref(list);
		return -1;
	}
	table_init(&t,
		   REPORT_SAY(cli, "provider|title|limits of a lane|verp|profile|mail exchangers",
			      "服务商|名称|每个通道的限制|VERP|档案|MX 主机"));
	for (size_t i = 0; i < provider_table_count(s->providers); i++) {
		const struct provider *p = provider_table_at(s->providers, i);
		if (!str_is_empty(name) && !str_equals(name, p->name))
			continue;
		provider_row(cli, &t, builtin, p);
		json_array_append_new(list, provider_json(builtin, p));
	}
	provider_table_free(builtin);
	if (cli->wants_json) {
		table_done(&t);
		return cli_print_json(cli, json_pack("{s:o}", "providers", list));
	}
	json_decref(list);
	table_print(&t, cli, REPORT_SAY(cli, "there is no provider", "没有服务商"));
	return 0;
}

static int run_show(struct cli *cli, struct err *err)
{
	struct str name = str_from(cli_arg(cli, 0));
	struct ip_pool_snapshot *s = NULL;
	if (steer_load(cli, &s, err) != 0)
		return -1;
	int result = 0;
	if (!str_is_empty(name) && provider_find(s->providers, name) == NULL)
		result = err_set(err, ERR_NOT_FOUND,
				 "there is no provider '%.*s'; edm provider list lists them",
				 STR_ARG(name));
	else
		result = print_providers(cli, s, name, err);
	ip_pool_snapshot_drop(s);
	return result;
}

static int run_check(struct cli *cli, struct err *err)
{
	struct ip_pool_snapshot *s = NULL;
	if (steer_load(cli, &s, err) != 0)
		return -1;
	int result = provider_table_lint(s->providers, err);
	size_t count = provider_table_count(s->providers);
	ip_pool_snapshot_drop(s);
	if (result != 0)
		return -1;
	if (cli->wants_json)
		return cli_print_json(cli,
				      json_pack("{s:b, s:i}", "sound", 1, "providers", (int)count));
	cli_printf(cli,
		   REPORT_SAY(cli, "%zu providers: every name and limit can take effect\n",
			      "%zu 个服务商：名称和限制均可生效\n"),
		   count);
	return 0;
}

/* ------------------------------------------------------------------------------------------- set
 */

static int refuse_left(const struct limit_values *left, struct err *err)
{
	struct buf text;
	buf_init(&text, 512);
	limit_values_render(left, &text);
	err_set(err, ERR_USAGE,
		"%s: a profile states rates per min, h or day and new connections per min; for "
		"others use edm limit set --provider",
		text.data);
	buf_done(&text);
	return -1;
}

/* The limits among the arguments, as a profile states them; what it cannot state is refused. */
static int profile_limits(const struct cli *cli, json_t *profile, struct err *err)
{
	struct limit_values values, left;
	json_t *limits = json_object();
	limit_values_init(&values);
	json_object_set_new(profile, "limits", limits);
	for (int i = 1; cli_arg(cli, i) != NULL; i++)
		if (limit_values_parse(&values, str_from(cli_arg(cli, i)), err) != 0)
			return -1;
	left = values;
	for (size_t i = 0; i < ARRAY_LEN(profile_numbers); i++) {
		int64_t n = *number_at(&values, i);
		if (n != LIMIT_NONE)
			json_object_set_new(limits, profile_numbers[i].key, json_integer(n));
		*number_at(&left, i) = LIMIT_NONE;
	}
	if (!limit_values_are_empty(&left))
		return refuse_left(&left, err);
	if (json_object_size(limits) == 0)
		json_object_del(profile, "limits");
	return 0;
}

static void profile_list(const struct cli *cli, const char *option, const char *key,
			 json_t *profile)
{
	if (cli_option(cli, option) == NULL)
		return;
	json_t *list = json_array();
	for (int i = 0; args_option_at(&cli->args, option, i) != NULL; i++)
		json_array_append_new(list, json_string(args_option_at(&cli->args, option, i)));
	json_object_set_new(profile, key, list);
}

static int profile_flags(const struct cli *cli, json_t *profile, struct err *err)
{
	const char *verp = cli_option(cli, "verp");
	int64_t initial = 0;
	if (verp != NULL && strcmp(verp, "on") != 0 && strcmp(verp, "off") != 0)
		return err_set(err, ERR_USAGE, "--verp is on or off, not '%s'", verp);
	if (args_number(&cli->args, "initial", ARG_RANGE(1, 1000), &initial, err) != 0)
		return -1;
	if (verp != NULL)
		json_object_set_new(profile, "verp", json_boolean(strcmp(verp, "on") == 0));
	if (initial > 0)
		json_object_set_new(profile, "initial_connections", json_integer(initial));
	profile_list(cli, "mx", "mx_suffixes", profile);
	profile_list(cli, "domain", "domains", profile);
	return 0;
}

/* A lane cannot start with more connections than it may have: without --initial it starts lower. */
static int lower_initial(struct cli *cli, struct str name, json_t *profile, struct err *err)
{
	struct ip_pool_snapshot *s = NULL;
	json_t *connections = json_object_get(json_object_get(profile, "limits"), "connections");
	if (connections == NULL || json_object_get(profile, "initial_connections") != NULL)
		return 0;
	if (steer_load(cli, &s, err) != 0)
		return -1;
	const struct provider *p = provider_find(s->providers, name);
	int64_t initial = p ? p->initial_connections : LIMIT_DEFAULT_INITIAL;
	if (json_integer_value(connections) < initial)
		json_object_set(profile, "initial_connections", connections);
	ip_pool_snapshot_drop(s);
	return 0;
}

static int store_profile(struct cli *cli, struct str name, json_t *profile, struct err *err)
{
	struct change change = steer_change(cli);
	struct pg_blocking *db = cli_database(cli, err);
	if (db == NULL)
		return -1;
	if (cli_flag(cli, "reset"))
		return provider_store_unset(db, name, &change, err);
	if (lower_initial(cli, name, profile, err) != 0)
		return -1;
	char *text = json_dumps(profile, JSON_COMPACT);
	struct provider_override override = {name, str_from(text)};
	int result = provider_store_set(db, &override, &change, err);
	free(text);
	return result;
}

/* As it is now; one of our own that was reset is no more: null. */
static int print_now(struct cli *cli, struct str name, struct err *err)
{
	struct provider_table *builtin = NULL;
	struct ip_pool_snapshot *s = NULL;
	if (steer_load(cli, &s, err) != 0)
		return -1;
	const struct provider *p = provider_find(s->providers, name);
	int result = provider_table_builtin(NULL, 0, &builtin, err);
	if (result == 0)
		result =
			cli_print_json(cli, json_pack("{s:o}", "provider",
						      p ? provider_json(builtin, p) : json_null()));
	provider_table_free(builtin);
	ip_pool_snapshot_drop(s);
	return result;
}

static int run_set(struct cli *cli, struct err *err)
{
	struct str name = str_from(cli_arg(cli, 0));
	json_t *profile = json_object();
	int result = profile_limits(cli, profile, err);
	if (result == 0)
		result = profile_flags(cli, profile, err);
	bool is_empty = json_object_size(profile) == 0;
	if (result == 0 && is_empty != cli_flag(cli, "reset"))
		result = err_set(err, ERR_USAGE,
				 "say what to change (connections=N, --verp, …) or --reset alone; "
				 "see: edm provider set --help");
	if (result == 0)
		result = store_profile(cli, name, profile, err);
	json_decref(profile);
	if (result != 0)
		return -1;
	if (cli->wants_json)
		return print_now(cli, name, err);
	cli_printf(cli, REPORT_SAY(cli, "provider %.*s %s\n", "服务商 %.*s %s\n"), STR_ARG(name),
		   is_empty ? REPORT_SAY(cli, "is as built in again", "已恢复为内置档案")
			    : REPORT_SAY(cli, "is changed", "已更改"));
	return 0;
}

/* ----------------------------------------------------------------------------------------- verbs
 */

static const struct arg_option set_options[] = {
	{"verp", "on|off", "whether it takes an envelope sender other than From"},
	{"initial", "N", "connections a new lane starts with"},
	{"mx", "SUFFIX …", "its mail exchangers, as in .example.net"},
	{"domain", "DOMAIN …", "recipient domains known to live there"},
	{"reset", NULL, "back to the built-in profile"},
	{NULL, NULL, NULL},
};

const struct cli_verb provider_verbs[] = {
	{.noun = "provider",
	 .verb = "list",
	 .summary = "List the providers with the limits of their profiles",
	 .examples = "    edm provider list",
	 .takes_json = true,
	 .run = run_show},
	{.noun = "provider",
	 .verb = "show",
	 .synopsis = "NAME",
	 .min_args = 1,
	 .max_args = 1,
	 .summary = "Show one provider",
	 .examples = "    edm provider show qq --json",
	 .takes_json = true,
	 .run = run_show},
	{.noun = "provider",
	 .verb = "check",
	 .summary = "Look for names and limits of profiles that could never take effect",
	 .examples = "    edm provider check",
	 .takes_json = true,
	 .run = run_check},
	{.noun = "provider",
	 .verb = "set",
	 .synopsis = "NAME [connections=N] [rate=N/min|h|day] [new-connections=N/min] "
		     "[messages-per-connection=N]",
	 .min_args = 1,
	 .max_args = 16,
	 .options = set_options,
	 .summary = "Change a provider's profile, or make one of your own",
	 .examples = "    edm provider set qq connections=5 --because 'their postmaster said so'\n"
		     "    edm provider set corp --mx .mx.corp.example connections=2\n"
		     "    edm provider set qq --reset",
	 .changes = true,
	 .takes_json = true,
	 .run = run_set},
	{0},
};
