/* SPDX-License-Identifier: MIT */
/* The verbs pause, resume and pauses: what stands still. */
#include <string.h>

#include "engine/base/clock.h"
#include "ip-pool/store/pause_store.h"
#include "scheduler/cli/lane_private.h"
#include "scheduler/cli/report_private.h"
#include "scheduler/cli/steer_private.h"
#include "scheduler/cli/time_text_private.h"
#include "scheduler/cli/verbs.h"
#include "scheduler/setup/names.h"

static void take_scope(const struct cli *cli, const struct steer_scope *scope, struct pause *p)
{
	*p = (struct pause){.origin = PAUSE_OPERATOR,
			    .provider = scope->provider,
			    .source = scope->source,
			    .campaign = scope->campaign,
			    .who = str_from(cli->actor),
			    .because = cli_because(cli)};
}

/* One scope must be named, and --all stands alone. */
static int check_named(const struct cli *cli, const char *verb, struct err *err)
{
	static const char *const names[] = {"provider", "source", "campaign", NULL};
	if (steer_check_not_empty(cli, names, err) != 0)
		return -1;
	int named = (cli_option(cli, "provider") != NULL) + (cli_option(cli, "source") != NULL) +
		    (cli_option(cli, "campaign") != NULL) + (cli_option(cli, "id") != NULL);
	if (cli_flag(cli, "all") && named > 0)
		return err_set(err, ERR_USAGE, "--all stands alone: name nothing with it");
	if (cli_option(cli, "id") != NULL && named > 1)
		return err_set(err, ERR_USAGE, "--id stands alone: name nothing with it");
	if (!cli_flag(cli, "all") && named == 0)
		return err_set(err, ERR_USAGE, "say what to %s: --all, --provider P, --source S%s",
			       verb,
			       strcmp(verb, "resume") == 0
				       ? ", --campaign C or --id N (edm pauses has the numbers)"
				       : ", or --campaign C with --provider P");
	return 0;
}

static int describe(struct cli *cli, const struct pause *p, struct buf *out, struct err *err)
{
	if (p->campaign != 0) {
		buf_append_cstr(out, REPORT_NAME(cli, "campaign ", "任务 "));
		if (names_campaign(cli->db, p->campaign, out, err) != 0)
			return -1;
		if (!str_is_empty(p->provider))
			buf_appendf(out, REPORT_NAME(cli, " at %.*s", "（发往 %.*s）"),
				    STR_ARG(p->provider));
		return 0;
	}
	if (steer_say_source(cli, p->source, p->provider, out))
		return 0;
	if (!str_is_empty(p->provider))
		buf_appendf(out, REPORT_NAME(cli, "mail to %.*s", "发往 %.*s 的邮件"),
			    STR_ARG(p->provider));
	else
		buf_append_cstr(out, REPORT_NAME(cli, "all mail", "全部邮件"));
	return 0;
}

/* A campaign as a whole has a state of its own, which stops its build and shows everywhere. */
static int refuse_whole_campaign(const struct cli *cli, struct err *err)
{
	const char *name = cli_option(cli, "campaign");
	if (name == NULL || cli_option(cli, "provider") != NULL)
		return 0;
	return err_set(err, ERR_USAGE,
		       "--campaign goes with --provider: the whole campaign is paused by edm "
		       "campaign pause %s",
		       name);
}

static json_t *pause_json(const struct pause *p, const struct buf *scope, int64_t now)
{
	return json_pack("{s:I, s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:o}", "id",
			 (json_int_t)p->id, "scope", json_of_str(buf_str(scope)), "provider",
			 json_of_text_or_null(p->provider), "source",
			 json_of_text_or_null(p->source), "campaign_id",
			 p->campaign ? json_integer(p->campaign) : json_null(), "origin",
			 pause_origin_name(p->origin), "who", json_of_str(p->who), "because",
			 json_of_text_or_null(p->because), "since", time_json(p->since_us),
			 "left_ms", steer_left_json(p->until_ms, now));
}

static void say_left(const struct cli *cli, const struct pause *p, int64_t now, struct buf *out)
{
	if (p->until_ms == LIMIT_FOREVER)
		buf_append_cstr(out, REPORT_SAY(cli, "until resumed", "直到恢复"));
	else
		steer_until(cli, p->until_ms, now, out);
}

static const char *origin_of(const struct cli *cli, enum pause_origin origin)
{
	static const char *const names_zh[] = {[PAUSE_OPERATOR] = "人工",
					       [PAUSE_RULE] = "回复规则",
					       [PAUSE_HEALTH] = "收件方拦截",
					       [PAUSE_BRAKE] = "自动熔断"};
	return REPORT_NAMED(cli, pause_origin_name(origin), names_zh, origin);
}

/* A pause as it is at a time. */
struct shown {
	const struct pause *pause;
	int64_t now;
};

static void pause_row(const struct cli *cli, struct table *t, const struct shown *shown,
		      const struct buf *scope)
{
	const struct pause *p = shown->pause;
	struct buf left;
	buf_init(&left, 64);
	say_left(cli, p, shown->now, &left);
	table_cell(t, "%lld", (long long)p->id);
	table_str(t, buf_str(scope));
	table_str(t, buf_str(&left));
	table_str(t, str_from(origin_of(cli, p->origin)));
	table_str(t, p->who);
	table_str_or_dash(t, p->because);
	buf_done(&left);
}

/* ------------------------------------------------------------------------------------------ pause
 */

/* The operator's pause of exactly the scope of p, or NULL. */
static const struct pause *find_own(const struct ip_pool_snapshot *s, const struct pause *p)
{
	for (size_t i = 0; i < s->pause_count; i++) {
		const struct pause *own = &s->pauses[i];
		if (own->origin == PAUSE_OPERATOR && own->campaign == p->campaign &&
		    str_equals(own->provider, p->provider) && str_equals(own->source, p->source))
			return own;
	}
	return NULL;
}

/* What a new pause took the place of, which may have been longer. */
struct replaced {
	const struct pause *pause; /* NULL: nothing */
	int64_t now;
};

/* A pause as it was asked for. */
struct asked {
	struct pause pause;
	int64_t for_ms; /* 0: until resumed */
	struct steer_scope named;
};

static json_t *replaced_json(const struct replaced *old)
{
	const struct pause *p = old->pause;
	if (p == NULL)
		return json_null();
	return json_pack("{s:o, s:o, s:o}", "left_ms", steer_left_json(p->until_ms, old->now),
			 "who", json_of_str(p->who), "because", json_of_text_or_null(p->because));
}

static void print_paused(struct cli *cli, const struct buf *scope, int64_t for_ms,
			 const struct replaced *old)
{
	struct buf left;
	buf_init(&left, 64);
	if (for_ms > 0)
		steer_span(cli, for_ms, &left);
	if (for_ms > 0)
		cli_printf(cli, REPORT_SAY(cli, "%s is paused for %s", "%s已暂停 %s"), scope->data,
			   left.data);
	else
		cli_printf(cli,
			   REPORT_SAY(cli, "%s is paused until edm resume",
				      "%s已暂停，直到 edm resume"),
			   scope->data);
	if (old->pause != NULL) {
		buf_clear(&left);
		say_left(cli, old->pause, old->now, &left);
		cli_printf(cli,
			   REPORT_SAY(cli, "; that replaces the pause %s by %.*s%s%.*s",
				      "；取代原暂停（%s，操作人 %.*s%s%.*s）"),
			   left.data, STR_ARG(old->pause->who),
			   str_is_empty(old->pause->because) ? "" : REPORT_SAY(cli, ": ", "："),
			   STR_ARG(old->pause->because));
	}
	cli_printf(cli, "\n");
	buf_done(&left);
}

static int report_paused(struct cli *cli, const struct asked *a, const struct replaced *old,
			 struct err *err)
{
	struct ip_pool_snapshot *s = NULL;
	struct buf scope;
	if (steer_load(cli, &s, err) != 0)
		return -1;
	const struct pause *made = find_own(s, &a->pause);
	json_t *warnings = json_array();
	steer_warn_unknown(cli, &a->named, warnings);
	buf_init(&scope, 1024);
	int result = describe(cli, &a->pause, &scope, err);
	if (result == 0 && cli->wants_json && made != NULL) {
		json_t *json = pause_json(made, &scope, s->loaded_ms);
		json_object_set_new(json, "replaced", replaced_json(old));
		json_object_set(json, "warnings", warnings);
		cli_print_json(cli, json);
	} else if (result == 0) {
		print_paused(cli, &scope, a->for_ms, old);
	}
	json_decref(warnings);
	buf_done(&scope);
	ip_pool_snapshot_drop(s);
	return result;
}

static int run_pause(struct cli *cli, struct err *err)
{
	struct ip_pool_snapshot *before = NULL;
	struct asked a;
	if (check_named(cli, "pause", err) != 0 || refuse_whole_campaign(cli, err) != 0 ||
	    steer_for(cli, &a.for_ms, err) != 0 || steer_scope(cli, &a.named, err) != 0 ||
	    steer_load(cli, &before, err) != 0)
		return -1;
	take_scope(cli, &a.named, &a.pause);
	const struct replaced old = {find_own(before, &a.pause), before->loaded_ms};
	int result = pause_store_add(cli->db, &a.pause, a.for_ms, err);
	if (result == 0)
		result = report_paused(cli, &a, &old, err);
	ip_pool_snapshot_drop(before);
	return result;
}

/* ----------------------------------------------------------------------------------------- resume
 */

static int lift(struct cli *cli, struct err *err)
{
	struct change change = steer_change(cli);
	struct steer_scope named;
	struct pause p;
	int64_t id = 0;
	if (args_number(&cli->args, "id", ARG_RANGE(1, INT32_MAX), &id, err) != 0 ||
	    steer_scope_back(cli, &named, err) != 0)
		return -1;
	take_scope(cli, &named, &p);
	p.id = id;
	return cli_flag(cli, "all") ? pause_store_lift_all(cli->db, &change, err)
				    : pause_store_lift(cli->db, &p, &change, err);
}

static bool has_pause(const struct ip_pool_snapshot *s, int64_t id)
{
	for (size_t i = 0; i < s->pause_count; i++)
		if (s->pauses[i].id == id)
			return true;
	return false;
}

/* What was paused before and is not after. */
static int print_lifted_json(struct cli *cli, const struct ip_pool_snapshot *before,
			     struct err *err)
{
	struct ip_pool_snapshot *after = NULL;
	struct buf scope;
	int result = 0;
	if (steer_load(cli, &after, err) != 0)
		return -1;
	json_t *list = json_array();
	buf_init(&scope, 1024);
	for (size_t i = 0; i < before->pause_count && result == 0; i++) {
		if (has_pause(after, before->pauses[i].id))
			continue;
		buf_clear(&scope);
		result = describe(cli, &before->pauses[i], &scope, err);
		json_array_append_new(list,
				      pause_json(&before->pauses[i], &scope, before->loaded_ms));
	}
	buf_done(&scope);
	ip_pool_snapshot_drop(after);
	cli_print_json(cli, json_pack("{s:o}", "lifted", list));
	return result;
}

static const char *nothing_paused(const struct cli *cli)
{
	return REPORT_SAY(cli, "nothing is paused", "没有暂停");
}

/* Receivers' blocks of lanes: --all is not about them. */
static int count_blocks(const struct ip_pool_snapshot *s)
{
	int count = 0;
	for (size_t i = 0; i < s->pause_count; i++)
		count += s->pauses[i].origin == PAUSE_HEALTH;
	return count;
}

static void print_blocks(struct cli *cli, int count)
{
	if (count > 0 && cli_flag(cli, "all"))
		cli_printf(cli,
			   REPORT_SAY(cli, "%d %s; edm pauses says how %s lifted\n",
				      "%d %s；edm pauses 列出%s解除方法\n"),
			   count,
			   REPORT_SAY(cli,
				      plural(count, "block of receivers stays",
					     "blocks of receivers stay"),
				      "个收件方拦截保留"),
			   REPORT_SAY(cli, plural(count, "it is", "they are"), "其"));
}

static int report_lifted(struct cli *cli, const struct ip_pool_snapshot *before, int lifted,
			 struct err *err)
{
	if (lifted == 0 && !cli_flag(cli, "all"))
		return err_set(err, ERR_NOT_FOUND,
			       "nothing is paused by exactly that; edm pauses shows what is");
	if (cli->wants_json)
		return print_lifted_json(cli, before, err);
	if (lifted > 0)
		cli_printf(cli, REPORT_SAY(cli, "%d %s lifted\n", "已解除 %d 个%s\n"), lifted,
			   REPORT_SAY(cli, plural(lifted, "pause", "pauses"), "暂停"));
	else if (before->pause_count > (size_t)count_blocks(before))
		cli_printf(cli, REPORT_SAY(cli, "nothing is paused but campaigns (edm pauses)\n",
					   "除任务外没有暂停（edm pauses）\n"));
	else
		cli_printf(cli, "%s\n", nothing_paused(cli));
	print_blocks(cli, count_blocks(before));
	return 0;
}

static int run_resume(struct cli *cli, struct err *err)
{
	struct ip_pool_snapshot *before = NULL;
	if (check_named(cli, "resume", err) != 0 || steer_load(cli, &before, err) != 0)
		return -1;
	int lifted = lift(cli, err);
	int result = lifted < 0 ? -1 : report_lifted(cli, before, lifted, err);
	ip_pool_snapshot_drop(before);
	return result;
}

/* ---------------------------------------------------------------------------------------- pauses
 */

static int run_pauses(struct cli *cli, struct err *err)
{
	struct ip_pool_snapshot *s = NULL;
	struct table t;
	struct buf scope;
	int result = 0;
	if (steer_load(cli, &s, err) != 0)
		return -1;
	json_t *list = json_array();
	table_init(&t, REPORT_SAY(cli, "id|paused|how long|by|who|because",
				  "编号|暂停对象|时长|来源|操作人|原因"));
	buf_init(&scope, 1024);
	for (size_t i = 0; i < s->pause_count && result == 0; i++) {
		buf_clear(&scope);
		result = describe(cli, &s->pauses[i], &scope, err);
		pause_row(cli, &t, &(struct shown){&s->pauses[i], s->loaded_ms}, &scope);
		json_array_append_new(list, pause_json(&s->pauses[i], &scope, s->loaded_ms));
	}
	buf_done(&scope);
	json_t *rests = lane_rests_json(s);
	ip_pool_snapshot_drop(s);
	if (result == 0 && cli->wants_json) {
		table_done(&t);
		return cli_print_json(cli, json_pack("{s:o, s:o}", "pauses", list, "rests", rests));
	}
	if (result == 0) {
		table_print(&t, cli, nothing_paused(cli));
		lane_rests_print(cli, rests);
	} else {
		table_done(&t);
	}
	json_decref(list);
	json_decref(rests);
	return result;
}

static const struct arg_option pause_options[] = {
	{"all", NULL, "everything"},
	{"provider", "P", "mail to this provider or site"},
	{"source", "S", "mail from this source; with --provider: this lane"},
	{"campaign", "C",
	 "with --provider: of this campaign, there (all of it: edm campaign pause)"},
	{"for", "TIME", "only for so long, as in 2h"},
	{NULL, NULL, NULL},
};

static const struct arg_option resume_options[] = {
	{"all", NULL, "every pause but those of campaigns"},
	{"provider", "P", "the pause of this provider or site"},
	{"source", "S", "the pause of this source; with --provider: of this lane"},
	{"campaign", "C", "the pause of this campaign"},
	{"id", "N", "the pause with this number (edm pauses)"},
	{NULL, NULL, NULL},
};

const struct cli_verb pause_verbs[] = {
	{.noun = "pause",
	 .options = pause_options,
	 .summary = "Stop mail at once: all, to a provider, from a source",
	 .examples = "    edm pause --provider qq --for 2h --because '550 frequency limited'\n"
		     "    edm pause --source mx1 --provider gmail\n"
		     "    edm pause --all",
	 .takes_json = true,
	 .changes = true,
	 .run = run_pause},
	{.noun = "resume",
	 .options = resume_options,
	 .summary = "Lift pauses",
	 .examples = "    edm resume --provider qq\n"
		     "    edm resume --id 12\n"
		     "    edm resume --all",
	 .takes_json = true,
	 .changes = true,
	 .run = run_resume},
	{.noun = "pauses",
	 .summary = "Show what is paused, by whom and why, and which lanes rest by themselves",
	 .examples = "    edm pauses --json",
	 .takes_json = true,
	 .run = run_pauses},
	{0},
};
