/* SPDX-License-Identifier: MIT */
/* The verbs about providers: the built-in profiles and what operators put over them. */
#include <stdlib.h>
#include <string.h>

#include "ip-pool/store/provider_store.h"
#include "scheduler/cli/report_private.h"
#include "scheduler/cli/steer_private.h"
#include "scheduler/cli/verbs.h"

/* ------------------------------------------------------------------------------------------ show
 */

static bool is_same_profile(const struct provider *a, const struct provider *b)
{
	json_t *one = provider_profile_json(a), *other = provider_profile_json(b);
	bool is_same = json_equal(one, other);
	json_decref(one);
	json_decref(other);
	return is_same;
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

/* What one command said of a profile and still holds. */
static json_t *change_json(const struct provider_change *c, int64_t now)
{
	struct str text = c->override.json;
	return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o}", "id", (json_int_t)c->number, "provider",
			 json_of_str(c->override.name), "set",
			 json_loadb(text.ptr, text.len, 0, &(json_error_t){0}), "left_ms",
			 steer_left_json(c->until_ms, now), "set_by", json_of_str(c->set_by),
			 "because", json_of_text_or_null(c->because));
}

/* Those about one provider, or with an empty name about all. */
static json_t *changes_json(const struct ip_pool_snapshot *s, struct str name)
{
	json_t *list = json_array();
	for (size_t i = 0; i < s->profile_changes.count; i++) {
		const struct provider_change *c = &s->profile_changes.items[i];
		if (str_is_empty(name) || str_equals(c->override.name, name))
			json_array_append_new(list, change_json(c, s->loaded_ms));
	}
	return list;
}

static json_t *provider_json(const struct provider_table *builtin, const struct ip_pool_snapshot *s,
			     const struct provider *p)
{
	json_t *json =
		json_pack("{s:o, s:{s:o, s:o}, s:s, s:o}", "name", json_of_str(p->name), "title",
			  "en", json_of_str(p->title_en), "zh", json_of_str(p->title_zh), "origin",
			  origin_of(builtin, p), "changes", changes_json(s, p->name));
	json_t *profile = provider_profile_json(p);
	json_object_update(json, profile);
	json_decref(profile);
	return json;
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
	table_str_or_dash(t,
			  p->tls.is_stated ? str_from(steer_tls_words(cli, p->tls.mode)) : STR(""));
	table_str(t, str_from(origin_words(cli, origin_of(builtin, p))));
	table_str(t, buf_str(&hosts));
	buf_done(&limits);
	buf_done(&hosts);
}

static void say_change(const struct provider_change *c, struct buf *out)
{
	struct str text = c->override.json;
	json_t *keys = json_loadb(text.ptr, text.len, 0, &(json_error_t){0});
	provider_keys_render(keys, out);
	json_decref(keys);
}

static void change_row(const struct cli *cli, struct table *t, const struct provider_change *c,
		       int64_t now)
{
	struct buf says, until;
	buf_init(&says, 16384);
	buf_init(&until, 128);
	say_change(c, &says);
	steer_until(cli, c->until_ms, now, &until);
	table_cell(t, "%lld", (long long)c->number);
	table_str(t, c->override.name);
	table_str_or_dash(t, buf_str(&says));
	table_str(t, buf_str(&until));
	table_str_or_dash(t, c->set_by);
	table_str_or_dash(t, c->because);
	buf_done(&says);
	buf_done(&until);
}

/* Below the profiles: what commands said of them, and till when. */
static void print_changes(struct cli *cli, const struct ip_pool_snapshot *s, struct str name)
{
	struct table t;
	size_t shown = 0;
	table_init(&t, REPORT_SAY(cli, "change|provider|says|until|set by|because",
				  "改动|服务商|内容|期限|设定|原因"));
	for (size_t i = 0; i < s->profile_changes.count; i++) {
		const struct provider_change *c = &s->profile_changes.items[i];
		if (!str_is_empty(name) && !str_equals(c->override.name, name))
			continue;
		change_row(cli, &t, c, s->loaded_ms);
		shown++;
	}
	if (shown == 0) {
		table_done(&t);
		return;
	}
	cli_printf(cli, "\n");
	table_print(&t, cli, "");
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
		   REPORT_SAY(cli,
			      "provider|title|limits of a lane|verp|tls|profile|mail exchangers",
			      "服务商|名称|每个通道的限制|VERP|TLS|服务商配置|MX 主机"));
	for (size_t i = 0; i < provider_table_count(s->providers); i++) {
		const struct provider *p = provider_table_at(s->providers, i);
		if (!str_is_empty(name) && !str_equals(name, p->name))
			continue;
		provider_row(cli, &t, builtin, p);
		json_array_append_new(list, provider_json(builtin, s, p));
	}
	provider_table_free(builtin);
	if (cli->wants_json) {
		table_done(&t);
		return cli_print_json(cli, json_pack("{s:o}", "providers", list));
	}
	json_decref(list);
	table_print(&t, cli, REPORT_SAY(cli, "there is no provider", "没有服务商"));
	print_changes(cli, s, name);
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

/* Moves the numbers that a profile states from v to limits. */
static void take_numbers(struct limit_values *v, json_t *limits)
{
	for (size_t i = 0; i < PROVIDER_NUMBERS; i++) {
		int64_t *n = provider_number_at(v, i);
		if (*n != LIMIT_NONE)
			json_object_set_new(limits, provider_numbers[i].key, json_integer(*n));
		*n = LIMIT_NONE;
	}
}

/* "tls=MODE", which a profile of what is typed takes; false: it is something else. */
static bool take_tls(struct str argument, json_t *profile)
{
	struct str tls = STR("tls=");
	if (!str_starts_with(argument, tls))
		return false;
	json_object_set_new(profile, "tls",
			    json_of_str(str_slice(argument, tls.len, argument.len)));
	return true;
}

/* What a profile states among the arguments; what it cannot state is refused. */
static int profile_arguments(const struct cli *cli, json_t *profile, struct err *err)
{
	struct limit_values values;
	json_t *limits = json_object();
	limit_values_init(&values);
	json_object_set_new(profile, "limits", limits);
	for (int i = 1; cli_arg(cli, i) != NULL; i++) {
		struct str argument = str_from(cli_arg(cli, i));
		if (!take_tls(argument, profile) && limit_values_parse(&values, argument, err) != 0)
			return -1;
	}
	take_numbers(&values, limits);
	if (!limit_values_are_empty(&values))
		return refuse_left(&values, err);
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

static int store_profile(struct cli *cli, struct str name, json_t *profile, int64_t for_ms,
			 struct err *err)
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
	int result = provider_store_set(db, &override, for_ms, &change, err);
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
		result = cli_print_json(cli,
					json_pack("{s:o}", "provider",
						  p ? provider_json(builtin, s, p) : json_null()));
	provider_table_free(builtin);
	ip_pool_snapshot_drop(s);
	return result;
}

static int parse_profile(struct cli *cli, json_t *profile, int64_t *for_ms_out, struct err *err)
{
	if (profile_arguments(cli, profile, err) != 0 || profile_flags(cli, profile, err) != 0 ||
	    steer_for(cli, for_ms_out, err) != 0)
		return -1;
	bool is_empty = json_object_size(profile) == 0;
	if (is_empty != cli_flag(cli, "reset"))
		return err_set(err, ERR_USAGE,
			       "say what to change (connections=N, --verp, …) or --reset alone; "
			       "see: edm provider set --help");
	if (is_empty && *for_ms_out > 0)
		return err_set(err, ERR_USAGE,
			       "--reset has no --for: what it ends comes back with edm provider "
			       "undo");
	return 0;
}

static void print_set(struct cli *cli, struct str name, int64_t for_ms)
{
	struct buf time;
	buf_init(&time, 128);
	if (for_ms > 0) {
		buf_append_cstr(&time, REPORT_SAY(cli, " for ", "，为期 "));
		steer_span(cli, for_ms, &time);
	}
	cli_printf(cli, REPORT_SAY(cli, "provider %.*s %s%.*s\n", "服务商 %.*s %s%.*s\n"),
		   STR_ARG(name),
		   cli_flag(cli, "reset")
			   ? REPORT_SAY(cli, "is as built in again", "已恢复为内置服务商配置")
			   : REPORT_SAY(cli, "is changed", "已更改"),
		   STR_ARG(buf_str(&time)));
	buf_done(&time);
}

static int run_set(struct cli *cli, struct err *err)
{
	struct str name = str_from(cli_arg(cli, 0));
	json_t *profile = json_object();
	int64_t for_ms = 0;
	int result = parse_profile(cli, profile, &for_ms, err);
	if (result == 0)
		result = store_profile(cli, name, profile, for_ms, err);
	json_decref(profile);
	if (result != 0)
		return -1;
	if (cli->wants_json)
		return print_now(cli, name, err);
	print_set(cli, name, for_ms);
	return 0;
}

/* ------------------------------------------------------------------------------------------ undo
 */

static bool has_change(const struct ip_pool_snapshot *s, int64_t number)
{
	for (size_t i = 0; i < s->profile_changes.count; i++)
		if (s->profile_changes.items[i].number == number)
			return true;
	return false;
}

/* The changes of one snapshot that the other has not. */
static json_t *difference_json(const struct ip_pool_snapshot *of,
			       const struct ip_pool_snapshot *without)
{
	json_t *list = json_array();
	for (size_t i = 0; i < of->profile_changes.count; i++) {
		const struct provider_change *c = &of->profile_changes.items[i];
		if (!has_change(without, c->number))
			json_array_append_new(list, change_json(c, of->loaded_ms));
	}
	return list;
}

static void print_difference(struct cli *cli, const struct ip_pool_snapshot *of,
			     const struct ip_pool_snapshot *without, const char *what)
{
	struct buf says;
	buf_init(&says, 16384);
	for (size_t i = 0; i < of->profile_changes.count; i++) {
		const struct provider_change *c = &of->profile_changes.items[i];
		if (has_change(without, c->number))
			continue;
		buf_clear(&says);
		say_change(c, &says);
		cli_printf(cli,
			   REPORT_SAY(cli, "%s: change %lld, %.*s: %.*s\n",
				      "%s：改动 %lld，%.*s：%.*s\n"),
			   what, (long long)c->number, STR_ARG(c->override.name),
			   STR_ARG(buf_str(&says)));
	}
	buf_done(&says);
}

static int report_undone(struct cli *cli, const struct ip_pool_snapshot *before, struct err *err)
{
	struct ip_pool_snapshot *after = NULL;
	if (steer_load(cli, &after, err) != 0)
		return -1;
	int result = 0;
	if (cli->wants_json) {
		result = cli_print_json(
			cli, json_pack("{s:o, s:o}", "taken_back", difference_json(before, after),
				       "holds_again", difference_json(after, before)));
	} else {
		print_difference(cli, before, after, REPORT_SAY(cli, "taken back", "已撤销"));
		print_difference(cli, after, before, REPORT_SAY(cli, "holds again", "重新生效"));
	}
	ip_pool_snapshot_drop(after);
	return result;
}

static int run_undo(struct cli *cli, struct err *err)
{
	struct change change = steer_change(cli);
	struct ip_pool_snapshot *before = NULL;
	int64_t number = 0;
	if (steer_undo_number(cli, "change of a profile; see: edm provider show", &number, err) !=
		    0 ||
	    steer_load(cli, &before, err) != 0)
		return -1;
	int result = provider_store_undo(cli->db, number, &change, &number, err);
	if (result == 0)
		result = report_undone(cli, before, err);
	ip_pool_snapshot_drop(before);
	return result;
}

/* ----------------------------------------------------------------------------------------- verbs
 */

static const struct arg_option set_options[] = {
	{"verp", "on|off", "whether it takes an envelope sender other than From"},
	{"initial", "N", "connections a new lane starts with"},
	{"mx", "SUFFIX …", "its mail exchangers, as in .example.net"},
	{"domain", "DOMAIN …", "recipient domains known to live there"},
	{"for", "TIME", "end by itself: 90s, 10min, 2h, 1d"},
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
		     "[messages-per-connection=N] [tls=MODE]",
	 .min_args = 1,
	 .max_args = 16,
	 .options = set_options,
	 .summary = "Change a provider's profile, or make one of your own",
	 .examples = "    edm provider set qq connections=5 --because 'their postmaster said so'\n"
		     "    edm provider set corp --mx .mx.corp.example connections=2\n"
		     "    edm provider set qq connections=2 --for 2h\n"
		     "    edm provider set corp tls=verified\n"
		     "    edm provider set qq --reset",
	 .changes = true,
	 .takes_json = true,
	 .run = run_set},
	{.noun = "provider",
	 .verb = "undo",
	 .synopsis = "[ID]",
	 .max_args = 1,
	 .summary = "Take back the last change of a profile, or that of a number",
	 .examples = "    edm provider undo\n"
		     "    edm provider undo 7 --because 'that was gmail'",
	 .changes = true,
	 .takes_json = true,
	 .run = run_undo},
	{0},
};
