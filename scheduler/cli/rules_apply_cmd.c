/* SPDX-License-Identifier: MIT */
/* edm rules apply: the past judged by the rules of today. */
#include "scheduler/campaign/schedule.h"
#include "scheduler/cli/report_private.h"
#include "scheduler/cli/rules_private.h"
#include "scheduler/cli/steer_private.h"
#include "scheduler/ledger/reclassify.h"
#include "scheduler/setup/reply_rules.h"

static json_t *classes_json(const struct reclassify_counts *c)
{
	json_t *list = json_array();
	for (int from = 0; from < OUTCOME_CLASS_END; from++)
		for (int to = 0; to < OUTCOME_CLASS_END; to++)
			if (c->classes[from][to] > 0)
				json_array_append_new(
					list,
					json_pack("{s:s, s:s, s:I}", "from",
						  outcome_class_name((enum outcome_class)from),
						  "to", outcome_class_name((enum outcome_class)to),
						  "n", (json_int_t)c->classes[from][to]));
	return list;
}

static json_t *states_json(const struct reclassify_counts *c)
{
	json_t *states = json_object();
#define X(suffix, number, name)                                                                    \
	if (c->states[number] != 0)                                                                \
		json_object_set_new(states, name, json_integer(c->states[number]));
	RECIPIENT_STATES(X)
#undef X
	return states;
}

static json_t *counts_json(const struct reclassify_counts *c, bool is_done)
{
	return json_pack("{s:b, s:I, s:I, s:I, s:o, s:o, s:I, s:I}", "done", is_done, "seen",
			 (json_int_t)c->seen, "changed", (json_int_t)c->changed, "kept",
			 (json_int_t)c->kept, "classes", classes_json(c), "states", states_json(c),
			 "suppressed", (json_int_t)c->suppressed, "lifted", (json_int_t)c->lifted);
}

static void print_classes(struct cli *cli, const struct reclassify_counts *c)
{
	struct table t;
	char number[32];
	table_init(&t, REPORT_SAY(cli, "WAS|IS|TIMES", "原分类|新分类|次数"));
	for (int from = 0; from < OUTCOME_CLASS_END; from++)
		for (int to = 0; to < OUTCOME_CLASS_END; to++)
			if (c->classes[from][to] > 0) {
				table_cell(&t, "%s",
					   rules_class_words(cli, (enum outcome_class)from));
				table_cell(&t, "%s",
					   rules_class_words(cli, (enum outcome_class)to));
				table_cell(
					&t, "%s",
					cli_number(c->classes[from][to], number, sizeof(number)));
			}
	table_print(&t, cli, "");
}

static void print_states(struct cli *cli, const struct reclassify_counts *c)
{
	const char *before = REPORT_SAY(cli, "recipients: ", "收件人：");
#define X(suffix, value, name)                                                                     \
	if (c->states[value] != 0) {                                                               \
		cli_printf(cli, "%s%s %+lld", before,                                              \
			   REPORT_SAY(cli, name, words_state(value, LANGUAGE_ZH)),                 \
			   (long long)c->states[value]);                                           \
		before = ", ";                                                                     \
	}
	RECIPIENT_STATES(X)
#undef X
	if (before[0] == ',')
		cli_printf(cli, "\n");
}

static void print_counts(struct cli *cli, const struct reclassify_counts *c)
{
	char seen[32], changed[32];
	cli_printf(cli,
		   REPORT_SAY(cli, "%s replies judged, %s of them otherwise than they were\n",
			      "重新判定 %s 条回复，其中 %s 条与原先不同\n"),
		   cli_number(c->seen, seen, sizeof(seen)),
		   cli_number(c->changed, changed, sizeof(changed)));
	if (c->changed > 0)
		print_classes(cli, c);
	print_states(cli, c);
	cli_printf(cli,
		   REPORT_SAY(cli, "suppressions: %lld taken back, %lld added\n",
			      "抑制：撤销 %lld，新增 %lld\n"),
		   (long long)c->lifted, (long long)c->suppressed);
	if (c->kept > 0)
		cli_printf(cli,
			   REPORT_SAY(cli,
				      "%lld would be final now, but were followed by other tries: "
				      "kept\n",
				      "%lld 条现应为最终结果，但之后又有重试：保持不变\n"),
			   (long long)c->kept);
}

static int read_since(struct cli *cli, struct schedule_time *out, struct err *err)
{
	const char *text = cli_option(cli, "since");
	if (text == NULL)
		return err_set(err, ERR_USAGE, "--since is missing: from when on");
	if (schedule_resolve(cli->db, str_from(text), report_zone(cli), out, err) != 0)
		return err_prefix(err, "--since");
	return 0;
}

/* Asks and carries it out, unless there is nothing to do. */
static int go_on(struct cli *cli, struct reclassify *r, const struct schedule_time *since,
		 struct err *err)
{
	const struct reclassify_counts *c = reclassify_counts(r);
	struct change change = steer_change(cli);
	bool is_dry_run = cli_flag(cli, "dry-run") || (c->changed == 0 && c->lifted == 0);
	if (!cli->wants_json)
		print_counts(cli, c);
	if (!is_dry_run) {
		char changed[32];
		if (cli_confirm(cli, err, "Giving %s outcomes since %s %s another meaning",
				cli_number(c->changed, changed, sizeof(changed)), since->wall,
				since->zone) != 0 ||
		    reclassify_apply(r, &change, err) != 0)
			return -1;
	}
	if (cli->wants_json)
		return cli_print_json(cli, counts_json(c, !is_dry_run));
	if (!is_dry_run)
		cli_printf(cli, REPORT_SAY(cli, "done\n", "完成\n"));
	return 0;
}

int rules_run_apply(struct cli *cli, struct err *err)
{
	struct schedule_time since;
	struct ip_pool_snapshot *s = NULL;
	if (steer_load(cli, &s, err) != 0)
		return -1;
	int result = steer_check_provider(s, steer_option(cli, "provider"), err);
	ip_pool_snapshot_drop(s);
	if (result != 0 || read_since(cli, &since, err) != 0)
		return -1;
	struct rule_set *rules = reply_rules_load(cli->db, err);
	if (rules == NULL)
		return -1;
	struct reclassify *r =
		reclassify_plan(cli->db, rules, since.at_us, steer_option(cli, "provider"), err);
	result = r != NULL ? go_on(cli, r, &since, err) : -1;
	if (r != NULL)
		reclassify_free(r);
	rule_set_free(rules);
	return result;
}

const struct arg_option rules_apply_options[] = {
	{"since", "TIME", "what was said since then, as '2026-12-01 09:00'"},
	{"tz", "ZONE", "the zone of that time (default: UTC, or Beijing's with --lang zh)"},
	{"provider", "P", "by this provider only; tail: by none that has a name"},
	{"dry-run", NULL, "say what would change, and change nothing"},
	{NULL, NULL, NULL},
};
