/* SPDX-License-Identifier: MIT */
/*
 * What lanes learnt, beside the limits that operators set: named by limit show and limit set, told
 * to be forgotten by limit forget; and the lanes that rest by themselves, named by pauses.
 */
#include <stdlib.h>
#include <string.h>

#include "ip-pool/explain.h"
#include "ip-pool/store/lane_store.h"
#include "scheduler/cli/lane_private.h"
#include "scheduler/cli/report_private.h"
#include "scheduler/cli/steer_private.h"
#include "scheduler/cli/time_text_private.h"
#include "scheduler/report/document.h"
#include "scheduler/report/format.h"
#include "scheduler/report/lane_say.h"

#define SAYS_MAX 1024

/* Which lanes are meant; source empty: those of every source. */
struct wish {
	struct str source, target;
};

/* The pause of a block among the lanes: that is lifted otherwise. */
static const struct pause *block_of(const struct ip_pool_snapshot *s, const struct wish *w)
{
	for (size_t i = 0; i < s->pause_count; i++) {
		const struct pause *p = &s->pauses[i];
		if (p->origin == PAUSE_HEALTH && str_equals(p->provider, w->target) &&
		    (str_is_empty(w->source) || str_equals(p->source, w->source)))
			return p;
	}
	return NULL;
}

/* A saved lane of a source in use, as it would be now; false: there is no such source. */
static bool look_at(const struct ip_pool_snapshot *s, const struct lane_record *lane,
		    struct lane_view *out)
{
	const struct source *source = ip_pool_source_by_id(s, lane->source);
	if (source == NULL)
		return false;
	bool is_tail = provider_find(s->providers, lane->target) == NULL;
	const struct limit_scope scope = {.level = LEVEL_LANE,
					  .provider = is_tail ? STR("") : lane->target,
					  .site = is_tail ? lane->target : STR(""),
					  .source = source->name,
					  .node = source->node};
	lane_view_init(out, s, &scope);
	return true;
}

static struct wish lane_of(const struct lane_view *v)
{
	const struct limit_scope *scope = &v->limits.limiter.scope;
	return (struct wish){scope->source,
			     str_is_empty(scope->provider) ? scope->site : scope->provider};
}

static json_t *lane_name(const struct lane_view *v)
{
	struct wish lane = lane_of(v);
	return json_sprintf("%.*s/%.*s", STR_ARG(lane.source), STR_ARG(lane.target));
}

/* How long ago, by the clock of the snapshot. */
static json_t *age_json(int64_t at_ms, int64_t now)
{
	return at_ms == 0 ? json_null() : json_integer(now - at_ms);
}

static json_t *learnt_json(const struct lane_view *v, const struct learnt_cap *cap)
{
	struct buf says;
	bool has_period = cap->kind == LIMIT_MESSAGES;
	buf_init(&says, SAYS_MAX);
	explain_cap(&cap->cap, cap->kind, cap->period, v->now_ms, &says);
	json_t *entry = json_pack(
		"{s:o, s:s, s:s, s:s?, s:I, s:s, s:o, s:o, s:o, s:o}", "lane", lane_name(v),
		"level", limit_level_name(LEVEL_LANE), "kind", limit_kind_name(cap->kind), "per",
		has_period ? limit_period_name(cap->period) : NULL, "count",
		(json_int_t)cap->cap.count, "origin", limit_origin_name(cap->cap.origin),
		"learnt_ago_ms", age_json(cap->learnt_ms, v->now_ms), "left_ms",
		steer_left_json(cap->cap.until_ms, v->now_ms), "reply",
		json_of_text_or_null(str_from(cap->reply)), "says", json_of_str(buf_str(&says)));
	buf_done(&says);
	return entry;
}

/* Which numbers are of interest. */
enum learnt_choice { LEARNT_WINDOWS, LEARNT_TIGHTER, LEARNT_ALL };

static bool is_chosen(struct lane_view *v, const struct learnt_cap *cap, enum learnt_choice choice)
{
	/* A block is lifted with its pause. */
	if (cap->reply == NULL || (cap->cap.count == 0 && v->limits.health.is_blocked))
		return false;
	switch (choice) {
	case LEARNT_WINDOWS:
		return cap->is_of_windows;
	case LEARNT_TIGHTER:
		return lane_view_is_tighter(v, cap);
	case LEARNT_ALL:
		return true;
	}
	return false;
}

static void append_learnt(struct lane_view *v, enum learnt_choice choice, json_t *list)
{
	struct learnt_cap caps[LANE_LEARNT_MAX];
	size_t count = lane_view_learnt(v, caps);
	for (size_t i = 0; i < count; i++)
		if (is_chosen(v, &caps[i], choice))
			json_array_append_new(list, learnt_json(v, &caps[i]));
}

/* ----------------------------------------------------------------------------------- show and set
 */

json_t *limit_learnt_json(const struct ip_pool_snapshot *s)
{
	json_t *list = json_array();
	struct lane_view v;
	for (size_t i = 0; i < s->lane_count; i++)
		if (look_at(s, &s->lanes[i], &v))
			append_learnt(&v, LEARNT_WINDOWS, list);
	return list;
}

static void ago_cell(const struct cli *cli, struct table *t, const json_t *entry)
{
	struct buf text;
	const json_t *ago = json_object_get(entry, "learnt_ago_ms");
	buf_init(&text, TIME_TEXT_MAX);
	format_span(json_integer_value(ago), report_language(cli), &text);
	if (json_is_null(ago))
		table_str(t, STR("-"));
	else
		table_cell(t, REPORT_SAY(cli, "%s ago", "%s前"), text.data);
	buf_done(&text);
}

/* What the entry says, in dst. */
static const char *says_of(const struct cli *cli, const json_t *entry, struct buf *dst)
{
	const struct lane_saying saying = {.language = report_language(cli),
					   .lane = document_text(entry, "lane")};
	buf_clear(dst);
	lane_say_cap(&saying, entry, dst);
	return dst->data;
}

void limit_learnt_print(struct cli *cli, const json_t *learnt)
{
	struct table t;
	struct buf says;
	size_t i;
	json_t *entry;
	if (json_array_size(learnt) == 0)
		return;
	buf_init(&says, SAYS_MAX);
	cli_printf(cli, "\n");
	table_init(&t, REPORT_SAY(cli, "lane|has learnt|when|from the reply|to lift it",
				  "通道|学到的限制|时间|依据的回复|解除方法"));
	json_array_foreach(learnt, i, entry)
	{
		table_str(&t, str_from(document_text(entry, "lane")));
		table_str(&t, str_from(says_of(cli, entry, &says)));
		ago_cell(cli, &t, entry);
		table_str_or_dash(&t, str_from(document_text(entry, "reply")));
		table_cell(&t, "edm limit forget %s", document_text(entry, "lane"));
	}
	table_print(&t, cli, "");
	buf_done(&says);
}

/* Whether a rule has a say on the lane. */
static bool concerns(const struct limit_rule *rule, const struct limit_scope *lane)
{
	enum limit_level level = limit_rule_level(rule);
	if (level != LEVEL_LANE && level != LEVEL_PROVIDER)
		return false;
	return limit_names_target(rule->provider, lane) &&
	       (str_is_empty(rule->source) || str_equals(rule->source, lane->source));
}

json_t *limit_still_learnt(const struct ip_pool_snapshot *s, const struct limit_rule *rule)
{
	json_t *list = json_array();
	struct lane_view v;
	for (size_t i = 0; i < s->lane_count; i++)
		if (look_at(s, &s->lanes[i], &v) && concerns(rule, &v.limits.limiter.scope))
			append_learnt(&v, LEARNT_TIGHTER, list);
	return list;
}

static bool is_rest(const json_t *entry)
{
	return document_int(entry, "count") == 0;
}

/* Of other lanes than the first; each lane's numbers stand together. */
static size_t other_lanes(const json_t *learnt)
{
	size_t lanes = 0;
	for (size_t i = 1; i < json_array_size(learnt); i++)
		lanes += strcmp(document_text(json_array_get(learnt, i), "lane"),
				document_text(json_array_get(learnt, i - 1), "lane")) != 0;
	return lanes;
}

void limit_still_learnt_print(struct cli *cli, const json_t *learnt)
{
	const json_t *first = json_array_get(learnt, 0);
	size_t more = json_array_size(learnt), lanes = other_lanes(learnt);
	if (more > 1 && is_rest(first))
		first = json_array_get(learnt, 1);
	if (first == NULL)
		return;
	const char *lane = document_text(first, "lane");
	struct buf says;
	buf_init(&says, SAYS_MAX);
	if (is_rest(first))
		cli_printf(cli,
			   REPORT_SAY(cli, "lane %s still rests because the receiver asked for it",
				      "通道 %s 仍按收件方要求暂停发送"),
			   lane);
	else
		cli_printf(cli,
			   REPORT_SAY(cli, "what lane %s learnt still holds: %s",
				      "通道 %s 学到的限制仍然有效：%s"),
			   lane, says_of(cli, first, &says));
	if (lanes > 0)
		cli_printf(cli, REPORT_SAY(cli, " (and of %zu more %s)", "（另有 %zu %s）"), lanes,
			   REPORT_SAY(cli, plural((int64_t)lanes, "lane", "lanes"), "个通道"));
	else if (more > 1)
		cli_printf(cli, REPORT_SAY(cli, " (and %zu more such %s)", "（另有 %zu %s）"),
			   more - 1,
			   REPORT_SAY(cli, plural((int64_t)more - 1, "number", "numbers"), "项"));
	cli_printf(cli,
		   REPORT_SAY(cli, "; edm limit forget %s has it forget that\n",
			      "；edm limit forget %s 可清除\n"),
		   lane);
	buf_done(&says);
}

/* ----------------------------------------------------------------------------------------- forget
 */

static int parse_wish(struct cli *cli, const struct ip_pool_snapshot *s, struct wish *out,
		      struct err *err)
{
	struct str name = str_from(cli_arg(cli, 0)), target = name;
	if (str_find_char(name, '/') >= 0) {
		out->source = str_take_until(&target, '/');
		out->target = target;
		return steer_check_lane(cli, s, name, err);
	}
	*out = (struct wish){.target = name};
	if (str_is_empty(name) || str_equals(name, STR("tail")))
		return err_set(err, ERR_USAGE,
			       "name a lane, as mx1/qq, or a provider or site: each site without "
			       "a provider learns by itself");
	return steer_check_provider(s, name, err);
}

static bool is_meant(const struct wish *w, const struct lane_view *v)
{
	struct wish lane = lane_of(v);
	return str_equals(lane.target, w->target) &&
	       (str_is_empty(w->source) || str_equals(lane.source, w->source));
}

/* Those of a target go where all its lanes are meant. */
static bool is_meant_party(const struct wish *w, const struct party_record *r)
{
	return str_is_empty(w->source) && str_equals(r->target, w->target);
}

static int count_parties(const struct ip_pool_snapshot *s, const struct wish *w)
{
	int count = 0;
	for (size_t i = 0; i < s->party_count; i++)
		count += is_meant_party(w, &s->parties[i]);
	return count;
}

/* What limits the party by now, if anything still does. */
static void append_party(const struct ip_pool_snapshot *s, const struct party_record *r,
			 json_t *list)
{
	enum party_kind kind = r->campaign != 0 ? PARTY_CAMPAIGN : PARTY_DOMAIN;
	struct party party;
	struct buf says;
	party_init(&party, kind, s->loaded_ms);
	party_load(&party, &r->state, r->age_ms, s->loaded_ms);
	if (!party_is_limited(&party, s->loaded_ms))
		return;
	struct cap cap = party_cap(&party, s->loaded_ms);
	buf_init(&says, SAYS_MAX);
	explain_cap(&cap, LIMIT_MESSAGES, LIMIT_MINUTE, s->loaded_ms, &says);
	json_t *entry = json_pack(
		"{s:n, s:o, s:o, s:s, s:s, s:s, s:I, s:s, s:o, s:o}", "lane", "target",
		json_of_str(r->target), kind == PARTY_CAMPAIGN ? "campaign" : "domain",
		json_of_str(r->name), "level",
		limit_level_name(kind == PARTY_CAMPAIGN ? LEVEL_CAMPAIGN : LEVEL_DOMAIN), "kind",
		limit_kind_name(LIMIT_MESSAGES), "per", limit_period_name(LIMIT_MINUTE), "count",
		(json_int_t)cap.count, "origin", limit_origin_name(cap.origin), "left_ms",
		steer_left_json(cap.until_ms, s->loaded_ms), "says", json_of_str(buf_str(&says)));
	buf_done(&says);
	json_array_append_new(list, entry);
}

/* What the lanes, and parties where every lane is meant, had learnt, one entry a number. */
static json_t *learnt_of(const struct ip_pool_snapshot *s, const struct wish *w)
{
	json_t *list = json_array();
	struct lane_view v;
	for (size_t i = 0; i < s->lane_count; i++)
		if (look_at(s, &s->lanes[i], &v) && is_meant(w, &v))
			append_learnt(&v, LEARNT_ALL, list);
	for (size_t i = 0; i < s->party_count; i++)
		if (is_meant_party(w, &s->parties[i]))
			append_party(s, &s->parties[i], list);
	return list;
}

static void print_entry(struct cli *cli, const json_t *entry)
{
	const char *campaign = json_string_value(json_object_get(entry, "campaign"));
	const char *lane = json_string_value(json_object_get(entry, "lane"));
	const char *what =
		REPORT_SAY(cli, "the rest the receiver asked for", "收件方要求的暂停发送");
	struct buf says;
	buf_init(&says, SAYS_MAX);
	if (!is_rest(entry))
		what = says_of(cli, entry, &says);
	if (lane != NULL)
		cli_printf(cli, REPORT_SAY(cli, "%s forgot: %s\n", "%s 已清除：%s\n"), lane, what);
	else if (campaign != NULL)
		cli_printf(cli,
			   REPORT_SAY(cli, "%s forgot of campaign %s: %s\n",
				      "%s 已清除对任务 %s 的限制：%s\n"),
			   document_text(entry, "target"), campaign, what);
	else
		cli_printf(cli,
			   REPORT_SAY(cli, "%s forgot of %s: %s\n",
				      "%s 已清除对发信域名 %s 的限制：%s\n"),
			   document_text(entry, "target"), document_text(entry, "domain"), what);
	buf_done(&says);
}

static void print_forgotten(struct cli *cli, const json_t *learnt, int lanes)
{
	size_t i;
	json_t *entry;
	json_array_foreach(learnt, i, entry) print_entry(cli, entry);
	if (json_array_size(learnt) == 0)
		cli_printf(cli,
			   REPORT_SAY(cli, "%d %s had learnt nothing that was saved\n",
				      "%d 个%s没有已保存的学习结果\n"),
			   lanes, REPORT_SAY(cli, plural(lanes, "lane", "lanes"), "通道"));
	else if (lanes > 0)
		cli_printf(cli,
			   REPORT_SAY(cli, "%d %s again from what is configured\n",
				      "%d 个%s从配置值重新开始\n"),
			   lanes,
			   REPORT_SAY(cli, plural(lanes, "lane starts", "lanes start"), "通道"));
}

static int report_forgotten(struct cli *cli, const struct ip_pool_snapshot *s, const struct wish *w,
			    int lanes)
{
	json_t *learnt = learnt_of(s, w);
	const struct pause *block = block_of(s, w);
	if (cli->wants_json)
		return cli_print_json(cli,
				      json_pack("{s:i, s:o, s:o}", "lanes", lanes, "forgot", learnt,
						"blocked_by_pause",
						block ? json_integer(block->id) : json_null()));
	print_forgotten(cli, learnt, lanes);
	json_decref(learnt);
	if (block != NULL)
		cli_printf(cli,
			   REPORT_SAY(cli,
				      "%.*s/%.*s stays blocked; edm resume --id %lld lifts that\n",
				      "%.*s/%.*s 仍被拦截；edm resume --id %lld 可解除\n"),
			   STR_ARG(block->source), STR_ARG(block->provider), (long long)block->id);
	return 0;
}

static int forget(struct cli *cli, const struct ip_pool_snapshot *s, struct err *err)
{
	struct change change = steer_change(cli);
	struct wish w;
	if (parse_wish(cli, s, &w, err) != 0)
		return -1;
	int told = lane_store_forget(cli->db, w.source, w.target, &change, err);
	if (told == 0)
		return err_set(err, ERR_NOT_FOUND,
			       "no lane to %.*s has learnt anything, as far as is saved",
			       STR_ARG(w.target));
	return told < 0 ? -1 : report_forgotten(cli, s, &w, told - count_parties(s, &w));
}

int limit_run_forget(struct cli *cli, struct err *err)
{
	struct ip_pool_snapshot *s = NULL;
	if (steer_load(cli, &s, err) != 0)
		return -1;
	int result = forget(cli, s, err);
	ip_pool_snapshot_drop(s);
	return result;
}

/* ------------------------------------------------------------------------------------------ rests
 */

/* The command that ends it before it ends by itself; null: none does. */
static json_t *lift_json(const struct ip_pool_snapshot *s, const struct lane_view *v,
			 enum lane_rest_kind kind)
{
	struct wish lane = lane_of(v);
	const struct pause *block = block_of(s, &lane);
	if (kind == LANE_REST_DEAD || (kind == LANE_REST_BLOCKED && block == NULL))
		return json_null();
	if (kind == LANE_REST_BLOCKED)
		return json_sprintf("edm resume --id %lld", (long long)block->id);
	return json_sprintf("edm limit forget %.*s/%.*s", STR_ARG(lane.source),
			    STR_ARG(lane.target));
}

json_t *lane_rests_json(const struct ip_pool_snapshot *s)
{
	json_t *list = json_array();
	struct lane_view v;
	for (size_t i = 0; i < s->lane_count; i++) {
		if (!look_at(s, &s->lanes[i], &v))
			continue;
		struct lane_rest rest = lane_view_rest(&v);
		int64_t left_ms = rest.until_ms - v.now_ms;
		/* What is over says only that nobody has tried since. */
		if (rest.kind == LANE_REST_NONE || left_ms <= 0)
			continue;
		json_array_append_new(
			list, json_pack("{s:o, s:s, s:I, s:o, s:o}", "lane", lane_name(&v), "why",
					lane_rest_name(rest.kind), "left_ms", (json_int_t)left_ms,
					"reply", json_of_text_or_null(str_from(rest.reply)), "lift",
					lift_json(s, &v, rest.kind)));
	}
	return list;
}

static const char *why_words(const struct cli *cli, const char *why)
{
	static const char *const words[][3] = {
		{"blocked", "the receiver blocks it", "被收件方拦截"},
		{"rest", "rests because the receiver asked for it", "按收件方要求暂停发送"},
		{"turned-away", "turned away: then one tries", "因发信过多被拒：到时试发一封"},
		{"does-not-answer", "does not answer: then one tries",
		 "收件方无应答：到时试连一次"},
	};
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (str_equals(str_from(words[i][0]), str_from(why)))
			return words[i][cli->is_chinese ? 2 : 1];
	return why;
}

void lane_rests_print(struct cli *cli, const json_t *rests)
{
	struct table t;
	size_t i;
	json_t *rest;
	if (json_array_size(rests) == 0)
		return;
	cli_printf(cli, "\n");
	table_init(&t, REPORT_SAY(cli, "lane|stands still|how long|because|to lift it",
				  "通道|停发原因|时长|依据的回复|解除方法"));
	json_array_foreach(rests, i, rest)
	{
		struct buf left;
		buf_init(&left, 128);
		steer_span(cli, document_int(rest, "left_ms"), &left);
		table_str(&t, str_from(document_text(rest, "lane")));
		table_str(&t, str_from(why_words(cli, document_text(rest, "why"))));
		table_cell(&t, REPORT_SAY(cli, "for another %s", "剩余 %s"), left.data);
		table_str_or_dash(&t, str_from(document_text(rest, "reply")));
		table_str_or_dash(&t, str_from(document_text(rest, "lift")));
		buf_done(&left);
	}
	table_print(&t, cli, "");
}
