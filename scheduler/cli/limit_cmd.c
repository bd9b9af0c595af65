/* SPDX-License-Identifier: MIT */
/* The verbs about limits: set, unset, show, undo. What explains a lane stands in lane_cmd.c. */
#include "engine/base/address.h"
#include "engine/base/clock.h"
#include "ip-pool/store/limit_store.h"
#include "scheduler/cli/lane_private.h"
#include "scheduler/cli/report_private.h"
#include "scheduler/cli/steer_private.h"
#include "scheduler/cli/verbs.h"
#include "scheduler/setup/names.h"

/* ------------------------------------------------------------------------------------ set, unset
 */

/* A request as it was typed: a rule, what was found of its names, the memory of its domain. */
struct request {
	struct limit_rule rule;
	struct steer_scope scope;
	char domain[ADDRESS_DOMAIN_MAX + 1];
};

static int parse_domain(const struct cli *cli, struct request *r, struct err *err)
{
	const char *domain = cli_option(cli, "domain");
	if (domain == NULL)
		return 0;
	enum address_reason reason = address_fold_domain(str_from(domain), r->domain);
	if (reason != ADDRESS_OK)
		return err_set(err, ERR_USAGE, "--domain '%s': %s", domain,
			       address_reason_sentence(reason));
	r->rule.domain = str_from(r->domain);
	return 0;
}

static int parse_spread(const struct cli *cli, struct request *r, struct err *err)
{
	bool is_each = cli_flag(cli, "each-source");
	r->rule.is_total = cli_flag(cli, "total");
	if (is_each && r->rule.is_total)
		return err_set(err, ERR_USAGE,
			       "--each-source and --total exclude each other: one is a limit of "
			       "every lane, the other of their sum");
	if (is_each && str_is_empty(r->rule.provider))
		return err_set(err, ERR_USAGE, "--each-source goes with --provider");
	return 0;
}

/* How names are looked up: steer_scope, steer_scope_back. */
typedef int (*find_scope)(struct cli *cli, struct steer_scope *out, struct err *err);

/* Everything the command line names. */
static int parse_request(struct cli *cli, find_scope find, struct request *r, struct err *err)
{
	static const char *const names[] = {"provider", "source",   "node",
					    "domain",	"campaign", NULL};
	if (steer_check_not_empty(cli, names, err) != 0)
		return -1;
	*r = (struct request){.rule = {.provider = steer_option(cli, "provider"),
				       .node = steer_option(cli, "node")}};
	limit_values_init(&r->rule.values);
	for (int i = 0; cli_arg(cli, i) != NULL; i++)
		if (limit_values_parse(&r->rule.values, str_from(cli_arg(cli, i)), err) != 0)
			return -1;
	if (parse_spread(cli, r, err) != 0 || parse_domain(cli, r, err) != 0 ||
	    find(cli, &r->scope, err) != 0)
		return -1;
	r->rule.source = r->scope.source;
	r->rule.campaign = r->scope.campaign;
	return 0;
}

/* "lane mx1/qq", "each lane to qq", "campaign spring" …: what the rule is about. */
static int describe(struct cli *cli, const struct limit_rule *rule, struct buf *out,
		    struct err *err)
{
	switch (limit_rule_level(rule)) {
	case LEVEL_LANE:
	case LEVEL_SOURCE:
		if (!steer_say_source(cli, rule->source, rule->provider, out))
			buf_appendf(out,
				    REPORT_NAME(cli, "each lane to %.*s", "发往 %.*s 的每个通道"),
				    STR_ARG(rule->provider));
		return 0;
	case LEVEL_PROVIDER:
		buf_appendf(out,
			    REPORT_NAME(cli, "all lanes to %.*s together", "发往 %.*s 的通道合计"),
			    STR_ARG(rule->provider));
		return 0;
	case LEVEL_DOMAIN:
		buf_appendf(out, REPORT_NAME(cli, "mail from %.*s%s%.*s", "发信域名 %.*s%s%.*s"),
			    STR_ARG(rule->domain),
			    str_is_empty(rule->provider) ? "" : REPORT_NAME(cli, " to ", " 发往 "),
			    STR_ARG(rule->provider));
		return 0;
	case LEVEL_CAMPAIGN:
		buf_append_cstr(out, REPORT_NAME(cli, "campaign ", "任务 "));
		return names_campaign(cli->db, rule->campaign, out, err);
	case LEVEL_NODE:
		buf_appendf(out, "%s%.*s",
			    str_is_empty(rule->node) ? REPORT_NAME(cli, "each node", "每个节点")
						     : REPORT_NAME(cli, "node ", "节点 "),
			    STR_ARG(rule->node));
		return 0;
	}
	return 0;
}

/* ------------------------------------------------------------------------------------ differences
 */

static json_t *rule_json(const struct limit_rule *rule, const struct buf *scope, int64_t now)
{
	struct buf values;
	buf_init(&values, 1024);
	limit_values_render(&rule->values, &values);
	json_t *json = json_pack(
		"{s:I, s:s, s:o, s:s, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:o}", "id",
		(json_int_t)rule->id, "level", limit_level_name(limit_rule_level(rule)), "scope",
		json_of_str(buf_str(scope)), "limit", values.data, "provider",
		json_of_text_or_null(rule->provider), "source", json_of_text_or_null(rule->source),
		"domain", json_of_text_or_null(rule->domain), "node",
		json_of_text_or_null(rule->node), "total", rule->is_total, "left_ms",
		steer_left_json(rule->until_ms, now), "set_by", json_of_str(rule->set_by),
		"because", json_of_text_or_null(rule->because));
	json_object_set_new(json, "campaign_id",
			    rule->campaign ? json_integer(rule->campaign) : json_null());
	buf_done(&values);
	return json;
}

/* Is the rule among those of the snapshot? */
static bool has_rule(const struct ip_pool_snapshot *s, int64_t id)
{
	for (size_t i = 0; i < s->limits.count; i++)
		if (s->limits.rules[i].id == id)
			return true;
	return false;
}

/* The rules of one snapshot that the other has not; scope NULL: of any scope. */
struct difference {
	const struct ip_pool_snapshot *of, *without;
	const struct limit_rule *scope;
};

static bool is_in(const struct difference *d, const struct limit_rule *rule)
{
	return !has_rule(d->without, rule->id) &&
	       (d->scope == NULL || limit_same_scope(rule, d->scope));
}

/* An array of them, or NULL and err. */
static json_t *difference_json(struct cli *cli, const struct difference *d, struct err *err)
{
	json_t *list = json_array();
	struct buf scope;
	int result = 0;
	buf_init(&scope, 1024);
	for (size_t i = 0; result == 0 && i < d->of->limits.count; i++) {
		const struct limit_rule *rule = &d->of->limits.rules[i];
		if (!is_in(d, rule))
			continue;
		buf_clear(&scope);
		result = describe(cli, rule, &scope, err);
		json_array_append_new(list, rule_json(rule, &scope, d->of->loaded_ms));
	}
	buf_done(&scope);
	if (result == 0)
		return list;
	json_decref(list);
	return NULL;
}

/* A line for each of them; how many, or -1. */
static int print_difference(struct cli *cli, const struct difference *d, const char *what,
			    struct err *err)
{
	struct buf scope, values;
	int told = 0;
	buf_init(&scope, 1024);
	buf_init(&values, 1024);
	for (size_t i = 0; told >= 0 && i < d->of->limits.count; i++) {
		const struct limit_rule *rule = &d->of->limits.rules[i];
		if (!is_in(d, rule))
			continue;
		buf_clear(&scope);
		buf_clear(&values);
		limit_values_render(&rule->values, &values);
		told = describe(cli, rule, &scope, err) == 0 ? told + 1 : -1;
		if (told > 0)
			cli_printf(cli,
				   REPORT_SAY(cli, "%s: limit %lld, %s: %s\n",
					      "%s：限制 %lld，%s：%s\n"),
				   what, (long long)rule->id, scope.data, values.data);
	}
	buf_done(&scope);
	buf_done(&values);
	return told;
}

/* What a change made of the limits is one document. */
struct change_words {
	const struct limit_rule *scope; /* NULL: of any scope */
	const char *gone, *fresh;	/* its keys; fresh NULL: there can be none */
	json_t *more;			/* what else it says, or NULL */
};

static int print_change_json(struct cli *cli, const struct ip_pool_snapshot *before,
			     const struct change_words *words, struct err *err)
{
	const struct limit_rule *scope = words->scope;
	struct ip_pool_snapshot *after = NULL;
	if (steer_load(cli, &after, err) != 0)
		return -1;
	json_t *gone = difference_json(cli, &(struct difference){before, after, scope}, err);
	json_t *fresh = difference_json(cli, &(struct difference){after, before, scope}, err);
	ip_pool_snapshot_drop(after);
	int result = gone != NULL && fresh != NULL ? 0 : -1;
	json_t *json = json_object();
	json_object_set_new(json, words->gone, gone);
	if (words->fresh != NULL)
		json_object_set(json, words->fresh, fresh);
	json_decref(fresh);
	json_object_update(json, words->more);
	if (result == 0)
		return cli_print_json(cli, json);
	json_decref(json);
	return -1;
}

/* -------------------------------------------------------------------------- what set, unset, undo
 * do
 */

static int report_set(struct cli *cli, const struct limit_rule *rule, int64_t for_ms,
		      struct err *err)
{
	struct buf scope, values, until;
	buf_init(&scope, 1024);
	buf_init(&values, 1024);
	buf_init(&until, 128);
	int result = describe(cli, rule, &scope, err);
	limit_values_render(&rule->values, &values);
	steer_until(cli, for_ms > 0 ? for_ms : LIMIT_FOREVER, 0, &until);
	if (result == 0)
		cli_printf(cli, REPORT_SAY(cli, "%s: %s, %s\n", "%s：%s，%s\n"), scope.data,
			   values.data, until.data);
	buf_done(&scope);
	buf_done(&values);
	buf_done(&until);
	return result;
}

/* A name that is not there yet is no error: the limit holds when it is. */
static int warn_unknown(struct cli *cli, const struct request *r, json_t *warnings, struct err *err)
{
	steer_warn_unknown(cli, &r->scope, warnings);
	return steer_warn_node(cli, r->rule.node, warnings, err) == 0
		       ? steer_warn_sender(cli, r->rule.domain, warnings, err)
		       : -1;
}

/* What holds beside the rule now that it is set. */
static int add_still_learnt(struct cli *cli, const struct limit_rule *rule, json_t *more,
			    struct err *err)
{
	struct ip_pool_snapshot *s = NULL;
	if (steer_load(cli, &s, err) != 0)
		return -1;
	json_object_set_new(more, "still_learnt", limit_still_learnt(s, rule));
	ip_pool_snapshot_drop(s);
	return 0;
}

static int set(struct cli *cli, const struct request *r, int64_t for_ms, struct err *err)
{
	struct change change = steer_change(cli);
	struct ip_pool_snapshot *before = NULL;
	if (steer_load(cli, &before, err) != 0)
		return -1;
	json_t *more = json_pack("{s:[]}", "warnings");
	const struct change_words words = {
		.scope = &r->rule, .gone = "replaced", .fresh = "limits", .more = more};
	int result = limit_store_set(cli->db, &r->rule, for_ms, &change, err);
	if (result == 0)
		result = add_still_learnt(cli, &r->rule, more, err);
	if (result == 0)
		result = warn_unknown(cli, r, json_object_get(more, "warnings"), err);
	if (result == 0 && cli->wants_json)
		result = print_change_json(cli, before, &words, err);
	else if (result == 0)
		result = report_set(cli, &r->rule, for_ms, err);
	if (result == 0 && !cli->wants_json)
		limit_still_learnt_print(cli, json_object_get(more, "still_learnt"));
	json_decref(more);
	ip_pool_snapshot_drop(before);
	return result;
}

static int run_set(struct cli *cli, struct err *err)
{
	struct request r;
	int64_t for_ms;
	if (steer_for(cli, &for_ms, err) != 0 || parse_request(cli, steer_scope, &r, err) != 0)
		return -1;
	return set(cli, &r, for_ms, err);
}

static int unset(struct cli *cli, const struct request *r, const struct ip_pool_snapshot *before,
		 struct err *err)
{
	const struct change_words words = {.scope = &r->rule, .gone = "ended"};
	struct change change = steer_change(cli);
	int ended = limit_store_unset(cli->db, &r->rule, &change, err);
	if (ended < 0)
		return -1;
	if (ended == 0)
		return err_set(err, ERR_NOT_FOUND,
			       "no such limit is set; edm limit show lists those in force");
	if (cli->wants_json)
		return print_change_json(cli, before, &words, err);
	cli_printf(cli, REPORT_SAY(cli, "%d %s ended\n", "已取消 %d 条%s\n"), ended,
		   REPORT_SAY(cli, plural(ended, "limit", "limits"), "限制"));
	return 0;
}

static int run_unset(struct cli *cli, struct err *err)
{
	struct ip_pool_snapshot *before = NULL;
	struct request r;
	if (parse_request(cli, steer_scope_back, &r, err) != 0 ||
	    steer_load(cli, &before, err) != 0)
		return -1;
	int result = unset(cli, &r, before, err);
	ip_pool_snapshot_drop(before);
	return result;
}

static int report_undone(struct cli *cli, const struct ip_pool_snapshot *before, int64_t id,
			 struct err *err)
{
	static const struct change_words words = {.gone = "taken_back", .fresh = "holds_again"};
	struct ip_pool_snapshot *after = NULL;
	if (cli->wants_json)
		return print_change_json(cli, before, &words, err);
	if (steer_load(cli, &after, err) != 0)
		return -1;
	const struct difference gone = {before, after, NULL}, back = {after, before, NULL};
	int ended = print_difference(cli, &gone, REPORT_SAY(cli, "taken back", "已撤销"), err);
	int begun = -1;
	if (ended >= 0)
		begun = print_difference(cli, &back, REPORT_SAY(cli, "holds again", "重新生效"),
					 err);
	if (ended == 0 && begun == 0)
		cli_printf(cli,
			   REPORT_SAY(cli, "limit %lld is undone; it did not hold any more\n",
				      "限制 %lld 已撤销；它此前已不再生效\n"),
			   (long long)id);
	ip_pool_snapshot_drop(after);
	return begun < 0 ? -1 : 0;
}

/* What it was before and is after tells what was undone: one change may be of several limits. */
static int undo(struct cli *cli, int64_t id, struct err *err)
{
	struct change change = steer_change(cli);
	struct ip_pool_snapshot *before = NULL;
	if (steer_load(cli, &before, err) != 0)
		return -1;
	int result = limit_store_undo(cli->db, id, &change, &id, err);
	if (result == 0)
		result = report_undone(cli, before, id, err);
	ip_pool_snapshot_drop(before);
	return result;
}

static int run_undo(struct cli *cli, struct err *err)
{
	int64_t id = 0;
	if (steer_undo_number(cli, "limit; see: edm limit show", &id, err) != 0)
		return -1;
	return cli_database(cli, err) == NULL ? -1 : undo(cli, id, err);
}

/* ------------------------------------------------------------------------------------------ show
 */

/* A limit that is set, as it is now. */
struct shown {
	const struct limit_rule *rule;
	int64_t superseded_by; /* the limit that holds instead, or 0 */
	int64_t now;
};

static void rule_row(const struct cli *cli, struct table *t, const struct shown *shown,
		     const struct buf *scope)
{
	const struct limit_rule *rule = shown->rule;
	struct buf values, until;
	buf_init(&values, 1024);
	buf_init(&until, 128);
	limit_values_render(&rule->values, &values);
	steer_until(cli, rule->until_ms, shown->now, &until);
	if (shown->superseded_by != 0)
		buf_appendf(&until, REPORT_SAY(cli, ", but limit %lld holds", "，但限制 %lld 优先"),
			    (long long)shown->superseded_by);
	table_cell(t, "%lld", (long long)rule->id);
	table_str(t, buf_str(scope));
	table_str(t, buf_str(&values));
	table_str(t, buf_str(&until));
	table_str(t, rule->set_by);
	table_str_or_dash(t, rule->because);
	buf_done(&values);
	buf_done(&until);
}

static int run_show(struct cli *cli, struct err *err)
{
	struct ip_pool_snapshot *s = NULL;
	struct table t;
	struct buf scope;
	int result = 0;
	if (steer_load(cli, &s, err) != 0)
		return -1;
	json_t *list = json_array();
	table_init(&t, REPORT_SAY(cli, "limit|applies to|value|until|set by|because",
				  "限制|适用于|数值|期限|设定|原因"));
	buf_init(&scope, 1024);
	for (size_t i = 0; i < s->limits.count && result == 0; i++) {
		const struct limit_rule *rule = &s->limits.rules[i];
		buf_clear(&scope);
		result = describe(cli, rule, &scope, err);
		int64_t by = limit_superseded_by(&s->limits, i, s->loaded_ms);
		json_t *json = rule_json(rule, &scope, s->loaded_ms);
		json_object_set_new(json, "superseded_by", by ? json_integer(by) : json_null());
		json_array_append_new(list, json);
		rule_row(cli, &t, &(struct shown){rule, by, s->loaded_ms}, &scope);
	}
	buf_done(&scope);
	json_t *learnt = limit_learnt_json(s);
	ip_pool_snapshot_drop(s);
	if (result == 0 && cli->wants_json) {
		table_done(&t);
		return cli_print_json(cli,
				      json_pack("{s:o, s:o}", "limits", list, "learnt", learnt));
	}
	if (result == 0) {
		table_print(&t, cli,
			    REPORT_SAY(cli,
				       "no limit is set; the profiles hold (edm provider list), "
				       "and what lanes learn",
				       "没有人工设定的限制；以服务商配置（edm provider list）和通道"
				       "学习到的限制为准"));
		limit_learnt_print(cli, learnt);
	} else {
		table_done(&t);
	}
	json_decref(list);
	json_decref(learnt);
	return result;
}

/* ----------------------------------------------------------------------------------------- verbs
 */

#define SETTINGS_SYNOPSIS                                                                          \
	"[connections=N] [rate=N/s|min|h|day] [new-connections=N/min] [messages-per-connection=N]"

#define SCOPE_OPTIONS                                                                              \
	{"provider", "P", "provider, site, or tail for every site without a provider"},            \
		{"each-source", NULL, "with --provider: for the lane of each source (default)"},   \
		{"total", NULL, "with --provider: for all sources together"},                      \
		{"source", "S", "this source; with --provider: this lane"},                        \
		{"campaign", "C", "this campaign"},                                                \
		{"domain", "D", "this sending domain; with --provider: there"},                    \
	{                                                                                          \
		"node", "N", "this node (default without any other: each node)"                    \
	}

static const struct arg_option set_options[] = {
	SCOPE_OPTIONS,
	{"for", "TIME", "only for so long, as in 2h; then what was before holds again"},
	{NULL, NULL, NULL},
};

static const struct arg_option unset_options[] = {
	SCOPE_OPTIONS,
	{NULL, NULL, NULL},
};

const struct cli_verb limit_verbs[] = {
	{.noun = "limit",
	 .verb = "set",
	 .synopsis = SETTINGS_SYNOPSIS,
	 .max_args = 16,
	 .options = set_options,
	 .summary = "Set limits, at once and for running mail too",
	 .examples = "    edm limit set --provider qq connections=5 rate=100/min\n"
		     "    edm limit set --provider qq --total rate=20000/day\n"
		     "    edm limit set --provider gmail --source mx1 rate=2/s --for 2h --because "
		     "'421s since 9:00'\n"
		     "    edm limit set --campaign spring rate=5000/h",
	 .takes_json = true,
	 .changes = true,
	 .run = run_set},
	{.noun = "limit",
	 .verb = "unset",
	 .synopsis = SETTINGS_SYNOPSIS,
	 .max_args = 16,
	 .options = unset_options,
	 .summary =
		 "End the limits of a scope: the kinds named (their numbers do not matter), or all",
	 .examples = "    edm limit unset --provider qq\n"
		     "    edm limit unset --provider qq rate=1/min",
	 .takes_json = true,
	 .changes = true,
	 .run = run_unset},
	{.noun = "limit",
	 .verb = "show",
	 .summary = "Show the limits operators have set, and windows learnt from receivers",
	 .examples = "    edm limit show --json",
	 .takes_json = true,
	 .run = run_show},
	{.noun = "limit",
	 .verb = "explain",
	 .synopsis = "SOURCE/PROVIDER|SOURCE/SITE",
	 .min_args = 1,
	 .max_args = 1,
	 .summary = "Say what holds for a lane, and where each number comes from",
	 .examples = "    edm limit explain mx1/qq\n"
		     "    edm limit explain mx1/mx.example.com --json",
	 .takes_json = true,
	 .run = lane_run_explain},
	{.noun = "limit",
	 .verb = "forget",
	 .synopsis = "SOURCE/PROVIDER|SOURCE/SITE|PROVIDER|SITE",
	 .min_args = 1,
	 .max_args = 1,
	 .summary = "Have lanes forget what they learnt, and start again from what is configured",
	 .examples = "    edm limit forget mx1/qq --because 'they raised our limit'\n"
		     "    edm limit forget qq",
	 .takes_json = true,
	 .changes = true,
	 .run = limit_run_forget},
	{.noun = "limit",
	 .verb = "undo",
	 .synopsis = "[ID]",
	 .max_args = 1,
	 .summary = "Undo the last change of limits, or that of ID",
	 .examples = "    edm limit undo\n"
		     "    edm limit undo 12",
	 .takes_json = true,
	 .changes = true,
	 .run = run_undo},
	{0},
};
