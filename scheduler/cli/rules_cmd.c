/* SPDX-License-Identifier: MIT */
/* The verbs about reply rules: whether they are sound, and what a reply means by them. */
#include <stdlib.h>

#include "engine/reply/plain.h"
#include "scheduler/cli/report_private.h"
#include "scheduler/cli/rules_private.h"
#include "scheduler/cli/steer_private.h"
#include "scheduler/cli/verbs.h"
#include "scheduler/setup/reply_rules.h"

/* The database, or NULL without one: the built-in rules can be asked on a bare machine, too. */
static int open_database(struct cli *cli, struct pg_blocking **db_out, struct err *err)
{
	struct err missing;
	*db_out = cli_database(cli, &missing);
	if (*db_out != NULL)
		return 0;
	if (missing.kind != ERR_NOT_FOUND) {
		*err = missing;
		return -1;
	}
	fprintf(stderr, "%s\n",
		REPORT_SAY(cli,
			   "note: there is no database here; only the built-in rules are looked at",
			   "注意：这里没有数据库，只查看内置规则"));
	return 0;
}

/* ----------------------------------------------------------------------------------------- check
 */

static void note_overlap(void *owner, const struct rule_overlap *o)
{
	json_array_append_new(
		owner, json_pack("{s:s, s:s, s:s%, s:s%, s:s}", "rule", o->winner->id, "before",
				 o->other->id, "sample", o->sample.ptr, o->sample.len, "provider",
				 o->provider.ptr ? o->provider.ptr : "", o->provider.len, "stage",
				 outcome_stage_name(o->stage)));
}

static void print_check(struct cli *cli, size_t count, size_t overrides, const json_t *overlaps)
{
	size_t i;
	json_t *one;
	cli_printf(cli,
		   REPORT_SAY(cli,
			      "sound: %zu %s, %zu of operators; each wins the replies it stands "
			      "for\n",
			      "正常：%zu 条%s，其中自建 %zu 条；每条都能匹配自己的样本\n"),
		   count, REPORT_SAY(cli, plural((int64_t)count, "rule", "rules"), "规则"),
		   overrides);
	cli_printf(cli,
		   REPORT_SAY(cli,
			      "the order decides %zu times between %s that mean something else\n",
			      "有 %zu 处%s含义不同，由先后顺序决定\n"),
		   json_array_size(overlaps),
		   cli_arg(cli, 0) ? REPORT_SAY(cli, "a rule of the file and another",
						"文件中的规则与另一条规则")
				   : REPORT_SAY(cli, "two rules", "两条规则"));
	if (!cli_flag(cli, "overlaps"))
		return;
	json_array_foreach(overlaps, i, one)
		cli_printf(cli, REPORT_SAY(cli, "%s before %s: \"%s\"\n", "%s 先于 %s：\"%s\"\n"),
			   json_string_value(json_object_get(one, "rule")),
			   json_string_value(json_object_get(one, "before")),
			   json_string_value(json_object_get(one, "sample")));
}

/* Names each of the operators' rules that is not in force. */
static int check_left_out(struct cli *cli, const struct rule_set *set, struct err *err)
{
	json_t *list = rules_left_out(set);
	size_t count = json_array_size(list);
	rules_tell_left_out(cli, list, "edm: ", stderr);
	json_decref(list);
	return count == 0 ? 0
			  : err_set(err, ERR_CONFIG, "%zu of the operators' rules cannot be used",
				    count);
}

static int run_check(struct cli *cli, struct err *err)
{
	const char *path = cli_arg(cli, 0);
	struct pg_blocking *db = NULL;
	size_t overrides = 0;
	if (path == NULL && open_database(cli, &db, err) != 0)
		return -1;
	struct rule_set *set = path ? reply_rules_try(path, err) : reply_rules_load(db, err);
	/* What is shipped was tested, and the rules of a file are checked as they are read. */
	if (set == NULL || check_left_out(cli, set, err) != 0 ||
	    (path == NULL && rule_set_lint(set, err) != 0)) {
		rule_set_free(set);
		return -1;
	}
	size_t count = rule_set_count(set);
	for (size_t i = 0; i < count; i++)
		overrides += rule_set_at(set, i)->is_override;
	json_t *overlaps = json_array();
	rule_set_overlaps(set, path != NULL, note_overlap, overlaps);
	rule_set_free(set);
	if (cli->wants_json)
		return cli_print_json(cli, json_pack("{s:b, s:i, s:i, s:o}", "sound", 1, "rules",
						     (int)count, "overrides", (int)overrides,
						     "overlaps", overlaps));
	print_check(cli, count, overrides, overlaps);
	json_decref(overlaps);
	return 0;
}

static const struct arg_option check_options[] = {
	{"overlaps", NULL, "list the samples that more than one rule knows, differently"},
	{NULL, NULL, NULL},
};

/* ------------------------------------------------------------------------------------------ test
 */

/* What is asked, and the answer. */
struct trial {
	struct outcome outcome;
	struct str provider;
	struct buf text;  /* of the outcome */
	struct buf plain; /* what rules that go by words see of it */
	const struct rule *rule;
	struct rule_near_miss near[RULE_NEAR_MAX];
	size_t near_count;
	struct rule_far_miss *far; /* all the others, the akin and nearest first */
	size_t far_count, akin_count;
	size_t shown; /* of far */
};

/* So many of those that are akin are told unasked. */
#define FAR_SHOWN 8

static int words_of(const struct cli *cli, enum outcome_words *out, struct err *err)
{
	struct str wanted = steer_option(cli, "words");
	if (str_is_empty(wanted))
		wanted = STR("remote");
#define X(suffix, number, name)                                                                    \
	if (str_equals(wanted, STR(name))) {                                                       \
		*out = OUTCOME_WORDS_##suffix;                                                     \
		return 0;                                                                          \
	}
	OUTCOME_WORDS(X)
#undef X
	return err_set(err, ERR_USAGE, "--words is remote, dns, tcp, tls or local, not '%.*s'",
		       STR_ARG(wanted));
}

static int check_provider(struct cli *cli, struct str name, struct err *err)
{
	struct provider_table *builtin = NULL;
	struct ip_pool_snapshot *s = NULL;
	int result = 0;
	if (cli->db != NULL) {
		if (steer_load(cli, &s, err) != 0)
			return -1;
		result = steer_check_provider(s, name, err);
		ip_pool_snapshot_drop(s);
		return result;
	}
	if (provider_table_builtin(NULL, 0, &builtin, err) != 0)
		return -1;
	if (!str_is_empty(name) && provider_find(builtin, name) == NULL)
		result = err_set(err, ERR_NOT_FOUND, "there is no provider '%.*s'", STR_ARG(name));
	provider_table_free(builtin);
	return result;
}

static int parse_trial(struct cli *cli, struct trial *t, struct err *err)
{
	struct str stage = steer_option(cli, "stage");
	enum outcome_words words = OUTCOME_WORDS_REMOTE;
	t->provider = steer_option(cli, "provider");
	if (words_of(cli, &words, err) != 0 || check_provider(cli, t->provider, err) != 0 ||
	    reply_facts(words, str_from(cli_arg(cli, 0)), &t->text, &t->outcome, err) != 0)
		return -1;
	t->outcome.stage = STAGE_RCPT;
	if (!str_is_empty(stage) && outcome_stage_parse(stage, &t->outcome.stage) != 0)
		return err_set(err, ERR_USAGE,
			       "'%.*s' is no stage: connect, banner, ehlo, mail, rcpt, data, dot …",
			       STR_ARG(stage));
	return 0;
}

static json_t *actions_json(unsigned actions)
{
	json_t *list = json_array();
#define X(suffix, bit, name)                                                                       \
	if (actions & ACTION_##suffix)                                                             \
		json_array_append_new(list, json_string(name));
	OUTCOME_ACTIONS(X)
#undef X
	return list;
}

static const char *gloss_of(const struct cli *cli, const struct rule *rule)
{
	if (rule == NULL)
		return cli->is_chinese
			       ? "没有规则认识该回复；按阶段和首位数字判断，绝不会因此抑制该地址"
			       : "no rule knows this reply; it is judged by its stage and "
				 "first digit, and never suppresses";
	return cli->is_chinese ? rule->zh : rule->en;
}

static const char *plain_of(const struct trial *t)
{
	return t->plain.data != NULL ? t->plain.data : "";
}

/* "is for another stage, wants another text" */
static void say_misses(const struct cli *cli, unsigned misses, struct buf *out)
{
	if (misses == 0)
		buf_append_cstr(out, rules_miss_words(cli, MISS_LATER));
	for (unsigned rest = misses; rest != 0; rest &= rest - 1)
		buf_appendf(out, "%s%s", rest == misses ? "" : REPORT_NAME(cli, ", ", "，"),
			    rules_miss_words(cli, (enum rule_miss)__builtin_ctz(rest)));
}

static json_t *far_json(const struct cli *cli, const struct trial *t)
{
	json_t *list = json_array();
	for (size_t i = 0; i < t->shown; i++) {
		const struct rule_far_miss *far = &t->far[i];
		struct buf text;
		buf_init(&text, 512);
		say_misses(cli, far->misses, &text);
		json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:s}", "rule", far->rule->id,
						      "miss", text.data, "akin", far->is_akin,
						      "says", gloss_of(cli, far->rule)));
		buf_done(&text);
	}
	return list;
}

static json_t *trial_json(const struct cli *cli, const struct trial *t)
{
	const struct verdict *v = &t->outcome.verdict;
	json_t *near = json_array();
	for (size_t i = 0; i < t->near_count; i++)
		json_array_append_new(near,
				      json_pack("{s:s, s:s, s:s}", "rule", t->near[i].rule->id,
						"miss", rule_miss_phrase(t->near[i].miss), "says",
						gloss_of(cli, t->near[i].rule)));
	return json_pack("{s:o, s:s?, s:s, s:s, s:s, s:s, s:s, s:s, s:s?, s:o, s:I, s:b, s:o, s:o, "
			 "s:I}",
			 "rule", t->rule ? json_string(t->rule->id) : json_null(), "file",
			 t->rule ? t->rule->file : NULL, "says", gloss_of(cli, t->rule), "plain",
			 plain_of(t), "stage", outcome_stage_name(t->outcome.stage), "class",
			 outcome_class_name(v->klass), "cause", outcome_cause_name(v->cause),
			 "scope", outcome_scope_name(v->scope), "persistence",
			 t->rule ? rule_persistence_name(t->rule->persistence) : NULL, "actions",
			 actions_json(v->actions), "delay_ms", (json_int_t)v->delay_ms, "override",
			 t->rule != NULL && t->rule->is_override, "near", near, "far",
			 far_json(cli, t), "others", (json_int_t)(t->far_count - t->shown));
}

static void print_actions(struct cli *cli, const struct verdict *v)
{
	struct buf text;
	buf_init(&text, 512);
	rules_say_actions(cli, v->actions, &text);
	if (v->until_day) {
		buf_appendf(&text,
			    REPORT_SAY(cli, "; until the day is over in UTC%+d",
				       "；直到 UTC%+d 的当日结束"),
			    v->day_zone);
	} else if (v->delay_ms > 0) {
		buf_append_cstr(&text, REPORT_SAY(cli, "; for ", "；持续 "));
		steer_span(cli, v->delay_ms, &text);
	}
	cli_printf(cli, REPORT_SAY(cli, "actions: %s\n", "动作：%s\n"), text.data);
	buf_done(&text);
}

/* Those that missed by more: what of the akin, and how many others. */
static void print_far(struct cli *cli, const struct trial *t)
{
	for (size_t i = 0; i < t->shown; i++) {
		struct buf text;
		buf_init(&text, 512);
		say_misses(cli, t->far[i].misses, &text);
		cli_printf(cli, REPORT_SAY(cli, "far: %s %s: %s\n", "较远：%s %s：%s\n"),
			   t->far[i].rule->id, text.data, gloss_of(cli, t->far[i].rule));
		buf_done(&text);
	}
	size_t akin = t->akin_count > t->shown ? t->akin_count - t->shown : 0;
	size_t left = t->far_count - t->shown;
	if (left > 0)
		cli_printf(cli,
			   REPORT_SAY(cli,
				      "others: %zu %s missed, %zu of them about this provider or "
				      "cause; --all says what each wants\n",
				      "其余：%zu 条%s不匹配，其中 %zu 条与该服务商或原因有关；"
				      "--all 列出各自的条件\n"),
			   left, REPORT_SAY(cli, plural((int64_t)left, "rule", "rules"), "规则"),
			   akin);
}

static void print_trial(struct cli *cli, const struct trial *t)
{
	const struct verdict *v = &t->outcome.verdict;
	if (t->rule != NULL)
		cli_printf(cli, REPORT_SAY(cli, "rule: %s (%s)\n", "规则：%s（%s）\n"), t->rule->id,
			   t->rule->file);
	else
		cli_printf(cli, REPORT_SAY(cli, "rule: none\n", "规则：无\n"));
	cli_printf(cli, REPORT_SAY(cli, "says: %s\n", "含义：%s\n"), gloss_of(cli, t->rule));
	cli_printf(cli, REPORT_SAY(cli, "plain: %s\n", "归一化文本：%s\n"), plain_of(t));
	cli_printf(cli,
		   REPORT_SAY(cli, "class: %s, because of %s, about the %s%s%s\n",
			      "分类：%s，原因：%s，对象：%s%s%s\n"),
		   rules_class_words(cli, v->klass), rules_cause_words(cli, v->cause),
		   rules_scope_words(cli, v->scope),
		   t->rule ? REPORT_SAY(cli, ", ", "，性质：") : "",
		   t->rule ? rules_persistence_words(cli, t->rule->persistence) : "");
	print_actions(cli, v);
	for (size_t i = 0; i < t->near_count; i++)
		cli_printf(cli, REPORT_SAY(cli, "near: %s %s: %s\n", "相近：%s %s：%s\n"),
			   t->near[i].rule->id, rules_miss_words(cli, t->near[i].miss),
			   gloss_of(cli, t->near[i].rule));
	print_far(cli, t);
}

static void explain(const struct cli *cli, struct trial *t, const struct rule_set *set)
{
	t->rule = rules_explain(set, t->provider, &t->outcome, t->near, &t->near_count);
	rules_apply(set, t->provider, &t->outcome);
	t->far = xcalloc(rule_set_count(set), sizeof(*t->far));
	t->far_count = rules_explain_rest(set, t->provider, &t->outcome, t->far, &t->akin_count);
	t->shown = t->akin_count < FAR_SHOWN ? t->akin_count : FAR_SHOWN;
	if (cli_flag(cli, "all"))
		t->shown = t->far_count;
}

static int run_trial(struct cli *cli, struct trial *t, const struct rule_set *set, struct err *err)
{
	if (parse_trial(cli, t, err) != 0)
		return -1;
	buf_init(&t->plain, t->outcome.text.len * 6 + 1);
	plain_append(t->outcome.text, &t->plain);
	explain(cli, t, set);
	if (cli->wants_json)
		return cli_print_json(cli, trial_json(cli, t));
	print_trial(cli, t);
	return 0;
}

static void note_left_out(struct cli *cli, const struct rule_set *set)
{
	json_t *list = rules_left_out(set);
	rules_tell_left_out(cli, list, REPORT_SAY(cli, "note: ", "注意："), stderr);
	json_decref(list);
}

static int run_test(struct cli *cli, struct err *err)
{
	struct pg_blocking *db = NULL;
	struct trial t = {0};
	if (open_database(cli, &db, err) != 0)
		return -1;
	struct rule_set *set = reply_rules_load(db, err);
	if (set == NULL)
		return -1;
	note_left_out(cli, set);
	buf_init(&t.text, 1u << 16);
	int result = run_trial(cli, &t, set, err);
	buf_done(&t.text);
	buf_done(&t.plain);
	free(t.far);
	rule_set_free(set);
	return result;
}

static const struct arg_option test_options[] = {
	{"provider", "P", "as if this provider had said it"},
	{"stage", "STAGE", "in reply to what: banner, ehlo, mail, rcpt (default), data, dot …"},
	{"words", "WHOSE", "remote (default), dns, tcp, tls or local"},
	{"all", NULL, "say of every rule why it did not win"},
	{NULL, NULL, NULL},
};

const struct cli_verb rules_verbs[] = {
	{.noun = "rules",
	 .verb = "check",
	 .synopsis = "[FILE]",
	 .max_args = 1,
	 .options = check_options,
	 .summary =
		 "Check the reply rules in force, or a file of rules put before the built-in ones",
	 .examples = "    edm rules check\n"
		     "    edm rules check my-rules.json",
	 .takes_json = true,
	 .run = run_check},
	{.noun = "rules",
	 .verb = "test",
	 .synopsis = "REPLY",
	 .min_args = 1,
	 .max_args = 1,
	 .options = test_options,
	 .summary = "Say what a reply means, by which rule, and which rules nearly matched",
	 .examples = "    edm rules test '550 Ip frequency limited' --provider qq --stage dot\n"
		     "    edm rules test '452 4.2.2 mailbox full' --lang zh --json\n"
		     "    edm rules test '550 Ip frequency limited' --all",
	 .takes_json = true,
	 .run = run_test},
	{.noun = "rules",
	 .verb = "list",
	 .options = rules_list_options,
	 .summary = "List the reply rules in their order; * marks those of operators",
	 .examples = "    edm rules list --provider qq\n"
		     "    edm rules list --own --json",
	 .takes_json = true,
	 .run = rules_run_list},
	{.noun = "rules",
	 .verb = "add",
	 .synopsis = "FILE",
	 .min_args = 1,
	 .max_args = 1,
	 .summary = "Put rules of your own in force, before the built-in ones",
	 .examples = "    edm rules add my-rules.json --because 'corp.example says 552 otherwise'",
	 .takes_json = true,
	 .changes = true,
	 .run = rules_run_add},
	{.noun = "rules",
	 .verb = "learn",
	 .synopsis = "CLUSTER",
	 .min_args = 1,
	 .max_args = 1,
	 .options = rules_learn_options,
	 .summary = "Make a rule of replies that no rule knew",
	 .examples = "    edm report replies --unmatched\n"
		     "    edm rules learn 6b1f0c2a9d3e4578 --id corp.full --class deferred "
		     "--cause mailbox-full",
	 .takes_json = true,
	 .changes = true,
	 .run = rules_run_learn},
	{.noun = "rules",
	 .verb = "remove",
	 .synopsis = "ID",
	 .min_args = 1,
	 .max_args = 1,
	 .summary = "Take a rule of your own away, or switch a built-in one off",
	 .examples = "    edm rules remove corp.full\n"
		     "    edm rules remove any.user-unknown --because 'outage at corp.example'",
	 .takes_json = true,
	 .changes = true,
	 .run = rules_run_remove},
	{.noun = "rules",
	 .verb = "restore",
	 .synopsis = "ID",
	 .min_args = 1,
	 .max_args = 1,
	 .summary = "Put a built-in rule in force again as it was shipped",
	 .examples = "    edm rules restore any.user-unknown",
	 .takes_json = true,
	 .changes = true,
	 .run = rules_run_restore},
	{.noun = "rules",
	 .verb = "diff",
	 .summary = "Say how the rules in force differ from those shipped",
	 .examples = "    edm rules diff\n"
		     "    edm rules diff --json",
	 .takes_json = true,
	 .run = rules_run_diff},
	{.noun = "rules",
	 .verb = "apply",
	 .options = rules_apply_options,
	 .summary = "Judge what was said before by the rules of today",
	 .examples = "    edm rules apply --since '2026-12-01 09:00' --provider qq --dry-run\n"
		     "    edm rules apply --since '2026-12-01 09:00' --tz Asia/Shanghai --yes",
	 .takes_json = true,
	 .changes = true,
	 .asks = true,
	 .run = rules_run_apply},
	{0},
};
