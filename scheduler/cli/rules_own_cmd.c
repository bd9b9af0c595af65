/* SPDX-License-Identifier: MIT */
/* The verbs about operators' reply rules: list, add, learn, remove, restore, diff. */
#include "scheduler/cli/rules_private.h"

#include <errno.h>
#include <stdlib.h>

#include "scheduler/cli/report_private.h"
#include "scheduler/cli/steer_private.h"
#include "scheduler/setup/own_rules.h"
#include "scheduler/setup/reply_rules.h"

#define RULE_TEXT_MAX (1u << 20)
#define WEEK_MS INT64_C(604800000)

/* ------------------------------------------------------------------------------------------ list
 */

static bool is_about(const struct rule *rule, struct str provider)
{
	for (size_t i = 0; rule_provider(rule, i).len > 0; i++)
		if (str_equals(rule_provider(rule, i), provider))
			return true;
	return str_is_empty(provider) || rule_provider(rule, 0).len == 0;
}

static json_t *providers_json(const struct rule *rule)
{
	json_t *list = json_array();
	for (size_t i = 0; rule_provider(rule, i).len > 0; i++)
		json_array_append_new(list, json_of_str(rule_provider(rule, i)));
	return list;
}

static json_t *rule_json(const struct rule *rule)
{
	json_t *actions = json_array();
#define X(suffix, bit, name)                                                                       \
	if (rule->actions & ACTION_##suffix)                                                       \
		json_array_append_new(actions, json_string(name));
	OUTCOME_ACTIONS(X)
#undef X
	return json_pack("{s:s, s:s, s:b, s:o, s:s, s:s, s:s, s:s, s:o, s:I, s:s, s:s}", "id",
			 rule->id, "file", rule->file, "override", rule->is_override, "providers",
			 providers_json(rule), "class", outcome_class_name(rule->klass), "cause",
			 outcome_cause_name(rule->cause), "scope", outcome_scope_name(rule->scope),
			 "persistence", rule_persistence_name(rule->persistence), "actions",
			 actions, "delay_ms", (json_int_t)rule->delay_ms, "en", rule->en, "zh",
			 rule->zh);
}

static void add_row(struct cli *cli, struct table *t, const struct rule *rule)
{
	struct str first = rule_provider(rule, 0);
	table_cell(t, "%s%s", rule->is_override ? "*" : "", rule->id);
	table_cell(t, "%.*s%s", STR_ARG(first.len > 0 ? first : STR("-")),
		   rule_provider(rule, 1).len > 0 ? ", …" : "");
	table_cell(t, "%s", rules_class_words(cli, rule->klass));
	table_cell(t, "%s%s", rules_cause_words(cli, rule->cause),
		   rule->actions & ACTION_SUPPRESS ? REPORT_SAY(cli, ", suppresses", "，抑制地址")
						   : "");
	table_cell(t, "%s", cli->is_chinese ? rule->zh : rule->en);
}

json_t *rules_left_out(const struct rule_set *set)
{
	json_t *list = json_array();
	const struct rule_left_out *rule = rule_set_left_out(set);
	for (; rule != NULL; rule = rule->next) {
		struct buf text;
		buf_init(&text, 2048);
		reply_rules_say_left_out(rule, &text);
		json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "id", rule->id, "why",
						      rule->why, "text", text.data));
		buf_done(&text);
	}
	return list;
}

void rules_tell_left_out(const struct cli *cli, const json_t *list, const char *before, FILE *to)
{
	size_t i;
	json_t *one;
	json_array_foreach(list, i, one)
	{
		struct buf text;
		buf_init(&text, REPORT_SENTENCE_MAX);
		fprintf(to, "%s%s\n", before,
			report_sentence(cli, json_string_value(json_object_get(one, "text")),
					&text));
		buf_done(&text);
	}
}

int rules_run_list(struct cli *cli, struct err *err)
{
	struct table t;
	struct str provider = steer_option(cli, "provider");
	struct ip_pool_snapshot *pool = NULL;
	struct rule_set *set = NULL;
	size_t i;
	if (steer_load(cli, &pool, err) != 0)
		return -1;
	if (steer_check_provider(pool, provider, err) == 0)
		set = reply_rules_load(cli->db, err);
	ip_pool_snapshot_drop(pool);
	if (set == NULL)
		return -1;
	json_t *list = json_array();
	table_init(&t,
		   REPORT_SAY(cli, "RULE|PROVIDER|CLASS|CAUSE|SAYS", "规则|服务商|分类|原因|含义"));
	for (i = 0; i < rule_set_count(set); i++) {
		const struct rule *rule = rule_set_at(set, i);
		if (!is_about(rule, provider) || (cli_flag(cli, "own") && !rule->is_override))
			continue;
		json_array_append_new(list, rule_json(rule));
		add_row(cli, &t, rule);
	}
	json_t *left_out = rules_left_out(set);
	rule_set_free(set);
	if (cli->wants_json) {
		table_done(&t);
		return cli_print_json(cli,
				      json_pack("{s:o, s:o}", "rules", list, "left_out", left_out));
	}
	json_decref(list);
	table_print(&t, cli, REPORT_SAY(cli, "No such rules.", "没有这样的规则。"));
	rules_tell_left_out(cli, left_out, "", cli->out);
	json_decref(left_out);
	return 0;
}

/* ------------------------------------------------------------------------------------ add, learn
 */

static int check_providers(const struct ip_pool_snapshot *s, const struct rule *rule,
			   struct err *err)
{
	for (size_t i = 0; rule_provider(rule, i).len > 0; i++)
		if (steer_check_provider(s, rule_provider(rule, i), err) != 0)
			return err_prefix(err, "rule %s", rule->id);
	return 0;
}

/* A rule about a provider that there is none of would never match. */
static int check_names(struct cli *cli, const struct rule_file *file, struct err *err)
{
	struct ip_pool_snapshot *s = NULL;
	struct rule_set *set = rule_set_try(file, err);
	int result = set != NULL ? steer_load(cli, &s, err) : -1;
	for (size_t i = 0; result == 0 && i < rule_set_count(set); i++)
		if (rule_set_at(set, i)->is_override)
			result = check_providers(s, rule_set_at(set, i), err);
	ip_pool_snapshot_drop(s);
	rule_set_free(set);
	return result;
}

static int add(struct cli *cli, const struct rule_file *file, struct err *err)
{
	struct own_rules_added done;
	struct change change = steer_change(cli);
	if (check_names(cli, file, err) != 0 ||
	    own_rules_add(cli->db, file, &change, &done, err) != 0)
		return -1;
	if (cli->wants_json)
		return cli_print_json(cli, json_pack("{s:I, s:I}", "added", (json_int_t)done.added,
						     "replaced", (json_int_t)done.replaced));
	cli_printf(cli,
		   REPORT_SAY(cli, "in force: %lld new, %lld in the place of an older one\n",
			      "已生效：新增 %lld 条，替换 %lld 条\n"),
		   (long long)done.added, (long long)done.replaced);
	cli_printf(cli,
		   REPORT_SAY(cli,
			      "what was said before is judged again by: edm rules apply --since "
			      "TIME\n",
			      "重新判定此前的回复：edm rules apply --since TIME\n"));
	return 0;
}

int rules_run_add(struct cli *cli, struct err *err)
{
	struct buf json;
	buf_init(&json, RULE_TEXT_MAX);
	int result = -1;
	if (reply_rules_read(cli_arg(cli, 0), &json, err) == 0 && cli_database(cli, err) != NULL) {
		struct rule_file file = {cli_arg(cli, 0), buf_str(&json), true};
		result = add(cli, &file, err);
	}
	buf_done(&json);
	return result;
}

/* Who is at fault, when nobody says. */
static enum outcome_scope scope_of(enum outcome_class klass)
{
	if (klass == OUTCOME_THROTTLED || klass == OUTCOME_BLOCKED || klass == OUTCOME_HELD)
		return SCOPE_SOURCE;
	if (klass == OUTCOME_UNREACHED)
		return SCOPE_HOST;
	return klass == OUTCOME_REJECTED ? SCOPE_MESSAGE : SCOPE_RECIPIENT;
}

static int read_cluster(const char *text, int64_t *out, struct err *err)
{
	char *end;
	errno = 0;
	unsigned long long cluster = strtoull(text, &end, 16);
	if (errno != 0 || *text == '\0' || *end != '\0')
		return err_set(err, ERR_USAGE,
			       "'%s' is no cluster; edm report replies --unmatched lists them",
			       text);
	*out = (int64_t)cluster;
	return 0;
}

static int read_lesson(const struct cli *cli, struct own_rule_lesson *m, struct err *err)
{
	struct str klass = steer_option(cli, "class"), cause = steer_option(cli, "cause");
	struct str scope = steer_option(cli, "scope");
	*m = (struct own_rule_lesson){.last_ms = WEEK_MS,
				      .id = steer_option(cli, "id"),
				      .provider = steer_option(cli, "provider"),
				      .suppresses = cli_flag(cli, "suppress"),
				      .delay = steer_option(cli, "delay"),
				      .en = steer_option(cli, "en"),
				      .zh = steer_option(cli, "zh")};
	if (read_cluster(cli_arg(cli, 0), &m->cluster, err) != 0 ||
	    args_duration(&cli->args, "last", &m->last_ms, err) != 0)
		return -1;
	if (str_is_empty(m->id))
		return err_set(err, ERR_USAGE, "--id is missing: what the rule is called");
	if (outcome_class_parse(klass, &m->klass) != 0)
		return err_set(err, ERR_USAGE,
			       "--class is deferred, throttled, blocked, bounced, rejected, held "
			       "or unreached, not '%.*s'",
			       STR_ARG(klass));
	if (outcome_cause_parse(cause, &m->cause) != 0)
		return err_set(err, ERR_USAGE, "--cause '%.*s' is none: user-unknown, policy, …",
			       STR_ARG(cause));
	m->scope = scope_of(m->klass);
	if (!str_is_empty(scope) && outcome_scope_parse(scope, &m->scope) != 0)
		return err_set(err, ERR_USAGE, "--scope '%.*s' is none: recipient, source, …",
			       STR_ARG(scope));
	if (str_is_empty(m->en))
		m->en = str_from(words_cause_meaning(m->cause, LANGUAGE_EN));
	if (str_is_empty(m->zh))
		m->zh = str_from(words_cause_meaning(m->cause, LANGUAGE_ZH));
	return 0;
}

/* What is learnt from one cluster takes no shipped rule's place by the way. */
static int check_is_new(struct str id, struct err *err)
{
	struct rule_set *built_in = rule_set_load(STR(""), err);
	if (built_in == NULL)
		return -1;
	bool is_taken = rule_set_find(built_in, id) != NULL;
	rule_set_free(built_in);
	if (!is_taken)
		return 0;
	return err_set(err, ERR_USAGE,
		       "rule %.*s is built in: give the new one an --id of its own (edm rules add "
		       "puts a rule in the place of a built-in one)",
		       STR_ARG(id));
}

int rules_run_learn(struct cli *cli, struct err *err)
{
	struct buf json;
	struct own_rule_lesson lesson;
	if (read_lesson(cli, &lesson, err) != 0 || check_is_new(lesson.id, err) != 0 ||
	    cli_database(cli, err) == NULL)
		return -1;
	buf_init(&json, RULE_TEXT_MAX);
	int result = own_rules_learn(cli->db, &lesson, &json, err);
	if (result == 0) {
		struct rule_file file = {"what is learnt", buf_str(&json), true};
		result = add(cli, &file, err);
	}
	buf_done(&json);
	return result;
}

/* ------------------------------------------------------------------------ remove, restore, diff
 */

/* change: what became of the rule, as rules diff has it where it has. */
static int print_changed(struct cli *cli, const char *change, const char *said)
{
	if (cli->wants_json)
		return cli_print_json(
			cli, json_pack("{s:s, s:s}", "id", cli_arg(cli, 0), "change", change));
	cli_printf(cli, REPORT_SAY(cli, "rule %s %s\n", "规则 %s %s\n"), cli_arg(cli, 0), said);
	return 0;
}

int rules_run_remove(struct cli *cli, struct err *err)
{
	static const struct {
		const char *name, *said, *said_zh;
	} changes[] = {
		[OWN_RULE_REMOVED] = {"removed", "is no more", "已移除"},
		[OWN_RULE_UNCOVERED] = {"restored", "is the built-in one again", "恢复为内置规则"},
		[OWN_RULE_OFF] = {"off", "is built in and now switched off",
				  "为内置规则，现已关闭"},
	};
	enum own_rule_removed how;
	struct change change = steer_change(cli);
	struct pg_blocking *db = cli_database(cli, err);
	if (db == NULL || own_rules_remove(db, str_from(cli_arg(cli, 0)), &change, &how, err) != 0)
		return -1;
	return print_changed(cli, changes[how].name,
			     REPORT_SAY(cli, changes[how].said, changes[how].said_zh));
}

int rules_run_restore(struct cli *cli, struct err *err)
{
	struct change change = steer_change(cli);
	struct pg_blocking *db = cli_database(cli, err);
	if (db == NULL || own_rules_restore(db, str_from(cli_arg(cli, 0)), &change, err) != 0)
		return -1;
	return print_changed(cli, "restored",
			     REPORT_SAY(cli, "is as it was shipped", "已恢复出厂内容"));
}

static const char *member(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static const char *change_words(const struct cli *cli, const char *change)
{
	static const char *const names[][2] = {
		{"added", "新增"}, {"replaced", "已替换"}, {"off", "已关闭"}};
	for (size_t i = 0; cli->is_chinese && i < ARRAY_LEN(names); i++)
		if (str_equals(str_from(names[i][0]), str_from(change)))
			return names[i][1];
	return change;
}

static void print_diff(struct cli *cli, const json_t *rule)
{
	size_t i;
	json_t *entry;
	const char *because = member(rule, "because");
	cli_printf(cli, REPORT_SAY(cli, "%s: %s, by %s%s%s\n", "%s：%s，操作人 %s%s%s\n"),
		   member(rule, "id"), change_words(cli, member(rule, "change")),
		   member(rule, "by"), because[0] ? REPORT_SAY(cli, ": ", "：") : "", because);
	json_array_foreach(json_object_get(rule, "fields"), i, entry)
		cli_printf(cli, "%s%s",
			   i == 0 ? REPORT_SAY(cli, "  differs in ", "  不同之处：")
				  : REPORT_SAY(cli, ", ", "、"),
			   json_string_value(entry));
	if (json_array_size(json_object_get(rule, "fields")) > 0)
		cli_printf(cli, "\n");
	json_array_foreach(json_object_get(rule, "takes"), i, entry)
		cli_printf(cli,
			   REPORT_SAY(cli, "  wins %lld of the samples of %s, as \"%s\"\n",
				      "  抢先匹配 %lld 个样本（规则 %s），如 \"%s\"\n"),
			   (long long)json_integer_value(json_object_get(entry, "samples")),
			   member(entry, "rule"), member(entry, "sample"));
}

int rules_run_diff(struct cli *cli, struct err *err)
{
	size_t i;
	json_t *rule;
	struct pg_blocking *db = cli_database(cli, err);
	json_t *diff = db ? own_rules_diff(db, err) : NULL;
	if (diff == NULL)
		return -1;
	if (cli->wants_json)
		return cli_print_json(cli, diff);
	json_array_foreach(json_object_get(diff, "rules"), i, rule) print_diff(cli, rule);
	if (json_array_size(json_object_get(diff, "rules")) == 0)
		cli_printf(cli, REPORT_SAY(cli, "every rule is as it was shipped\n",
					   "所有规则均与出厂一致\n"));
	json_decref(diff);
	return 0;
}

const struct arg_option rules_list_options[] = {
	{"provider", "P", "those that this provider's replies are judged by"},
	{"own", NULL, "operators' rules only"},
	{NULL, NULL, NULL},
};

const struct arg_option rules_learn_options[] = {
	{"id", "ID", "what the rule is called"},
	{"class", "CLASS", "deferred, throttled, blocked, bounced, rejected, held or unreached"},
	{"cause", "CAUSE", "user-unknown, mailbox-full, rate-limit, reputation, policy …"},
	{"scope", "SCOPE", "who is at fault (default: by the class)"},
	{"suppress", NULL, "the address is never written to again"},
	{"delay", "TIME", "when to come back: 90s, 15m, 4h (default: by retry.schedule)"},
	{"provider", "P", "of this provider only"},
	{"en", "TEXT", "what it says, in English (default: by the cause)"},
	{"zh", "TEXT", "the same in Chinese"},
	{"last", "TIME", "samples of the last so long (default: 7d)"},
	{NULL, NULL, NULL},
};
