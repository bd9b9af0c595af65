/* SPDX-License-Identifier: MIT */
/* Reports as people read them; see report_private.h. */
#include "scheduler/cli/report_private.h"

#include <stdlib.h>
#include <string.h>

#include "scheduler/report/counts.h"
#include "scheduler/report/format.h"
#include "scheduler/report/sentence.h"

#define LINE_MAX_BYTES (256u << 10)
/* Names of providers in one cell. */
#define PROVIDERS_SHOWN 3u

enum language report_language(const struct cli *cli)
{
	return cli->is_chinese ? LANGUAGE_ZH : LANGUAGE_EN;
}

void report_number(struct table *t, int64_t n)
{
	struct buf text;
	buf_init(&text, 64);
	format_people(n, LANGUAGE_EN, &text);
	table_str(t, buf_str(&text));
	buf_done(&text);
}

void report_time(struct table *t, int64_t us, enum language language)
{
	struct buf text;
	buf_init(&text, 64);
	format_time(us, language, &text);
	table_str(t, buf_str(&text));
	buf_done(&text);
}

const char *report_sentence(const struct cli *cli, const char *en, struct buf *dst)
{
	buf_clear(dst);
	if (!cli->is_chinese || !sentence_zh(str_from(en), dst))
		buf_append_cstr(dst, en);
	return dst->len > 0 ? dst->data : "";
}

const char *report_span(const struct cli *cli, int64_t us, char dst[TIME_TEXT_MAX])
{
	struct buf text;
	if (!cli->is_chinese)
		return time_span(us, dst);
	buf_init(&text, TIME_TEXT_MAX - 1);
	format_span(us / 1000, LANGUAGE_ZH, &text);
	snprintf(dst, TIME_TEXT_MAX, "%s", text.data);
	buf_done(&text);
	return dst;
}

const char *report_when(const struct cli *cli, int64_t us, char dst[TIME_TEXT_MAX])
{
	return cli->is_chinese ? time_beijing(us, dst) : time_words(us, dst);
}

const char *report_zone(const struct cli *cli)
{
	const char *zone = cli_option(cli, "tz");
	if (zone != NULL)
		return zone;
	return cli->is_chinese ? "Asia/Shanghai" : "UTC";
}

static void share_cell(struct table *t, int64_t tenths, int64_t part)
{
	struct buf text;
	buf_init(&text, 64);
	format_tenths(tenths, part, &text);
	table_str(t, buf_str(&text));
	buf_done(&text);
}

bool report_is_json(struct cli *cli, json_t *document)
{
	if (!cli->wants_json)
		return false;
	document_publish(document);
	return cli_print_json(cli, document) == 0;
}

/* ------------------------------------------------------------------------------------ campaign */

static enum campaign_state state_of(const json_t *campaign)
{
	enum campaign_state state = CAMPAIGN_DRAFT;
	int known = campaign_state_parse(str_from(document_text(campaign, "state")), &state);
	must(known == 0);
	return state;
}

/* "spring is finished: 98.7 % delivered, 987 of 1,000 tried." */
static void print_headline(struct cli *cli, const json_t *campaign)
{
	enum language language = report_language(cli);
	struct buf line;
	const char *why = document_text(campaign, "reason_text");
	buf_init(&line, LINE_MAX_BYTES);
	buf_appendf(&line, REPORT_SAY(cli, "%s is %s", "%s %s"), document_text(campaign, "name"),
		    words_campaign_state(state_of(campaign), language));
	if (why[0] != '\0')
		buf_appendf(&line, REPORT_SAY(cli, " (%s)", "（%s）"), why);
	buf_append_cstr(&line, REPORT_SAY(cli, ": ", "："));
	if (counts_tried(campaign) == 0) {
		buf_append_cstr(&line, REPORT_SAY(cli, "nothing has been sent yet.", "尚未发送。"));
	} else {
		buf_append_cstr(&line, REPORT_SAY(cli, "", "送达率 "));
		format_share(document_int(campaign, "delivered"), counts_tried(campaign), &line);
		buf_append_cstr(&line, REPORT_SAY(cli, " delivered, ", "，送达 "));
		format_people(document_int(campaign, "delivered"), language, &line);
		buf_append_cstr(&line, REPORT_SAY(cli, " of ", " / 已有结果 "));
		format_people(counts_tried(campaign), language, &line);
		buf_append_cstr(&line, REPORT_SAY(cli, " with a result.", "。"));
	}
	cli_printf(cli, "%s\n", line.data);
	buf_done(&line);
}

static void print_times(struct cli *cli, const json_t *campaign)
{
	enum language language = report_language(cli);
	struct buf line;
	buf_init(&line, LINE_MAX_BYTES);
	buf_append_cstr(&line, REPORT_SAY(cli, "started ", "开始 "));
	format_time(document_int(campaign, "started_at"), language, &line);
	if (document_int(campaign, "finished_at") != 0) {
		buf_append_cstr(&line, REPORT_SAY(cli, ", finished ", "，结束 "));
		format_time(document_int(campaign, "finished_at"), language, &line);
	} else {
		buf_append_cstr(&line, REPORT_SAY(cli, ", not finished yet", "，尚未结束"));
	}
	buf_appendf(&line,
		    REPORT_SAY(cli, "; %.1f a second now, %.1f on average",
			       "；当前 %.1f 封/秒，平均 %.1f 封/秒"),
		    json_real_value(json_object_get(campaign, "rate")),
		    json_real_value(json_object_get(campaign, "average_rate")));
	cli_printf(cli, "%s\n\n", line.data);
	buf_done(&line);
}

static void print_states(struct cli *cli, const json_t *campaign)
{
	static const enum recipient_state order[] = {
		RECIPIENT_DELIVERED, RECIPIENT_BOUNCED, RECIPIENT_REJECTED,   RECIPIENT_BLOCKED,
		RECIPIENT_EXPIRED,   RECIPIENT_UNKNOWN, RECIPIENT_SUPPRESSED, RECIPIENT_CANCELLED,
		RECIPIENT_DEFERRED,  RECIPIENT_LEASED,	RECIPIENT_WAITING,
	};
	struct table t;
	int64_t audience = document_int(campaign, "audience");
	int64_t counts[ARRAY_LEN(order)], tenths[ARRAY_LEN(order)];
	for (size_t i = 0; i < ARRAY_LEN(order); i++)
		counts[i] = document_int(campaign, recipient_state_name(order[i]));
	share_tenths(counts, ARRAY_LEN(order), tenths);
	table_init(&t, REPORT_SAY(cli, "STATE|PEOPLE|SHARE", "状态|人数|占比"));
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		table_str(&t, str_from(words_state(order[i], report_language(cli))));
		report_number(&t, counts[i]);
		share_cell(&t, tenths[i], counts[i]);
	}
	table_str(&t, str_from(REPORT_SAY(cli, "audience", "受众合计")));
	report_number(&t, audience);
	table_str(&t, str_from(json_is_true(json_object_get(campaign, "complete"))
				       ? ""
				       : REPORT_SAY(cli, "still being built", "收件人仍在生成")));
	table_print(&t, cli, "");
}

static int64_t class_count(const json_t *row, enum outcome_class klass)
{
	char number[16];
	snprintf(number, sizeof(number), "%d", (int)klass);
	return document_int(json_object_get(row, "by_class"), number);
}

/* The tail is a word of ours; all others are names. */
static const char *provider_name(const struct cli *cli, const char *name)
{
	return strcmp(name, "tail") == 0 ? REPORT_SAY(cli, "tail", "其他") : name;
}

/* Attempts by class, of a provider or a source a row. */
static void print_attempts(struct cli *cli, const json_t *rows, const char *key)
{
	static const enum outcome_class shown[] = {
		OUTCOME_DELIVERED, OUTCOME_DEFERRED, OUTCOME_THROTTLED, OUTCOME_BLOCKED,
		OUTCOME_BOUNCED,   OUTCOME_REJECTED, OUTCOME_UNREACHED,
	};
	struct table t;
	size_t i;
	json_t *row;
	if (json_array_size(rows) == 0)
		return;
	cli_printf(cli, "\n%s\n",
		   strcmp(key, "provider") == 0
			   ? REPORT_SAY(cli, "Outcomes by provider", "按服务商的投递结果")
			   : REPORT_SAY(cli, "Outcomes by source", "按发信 IP 的投递结果"));
	table_init(&t, REPORT_SAY(cli,
				  "NAME|ALL|DELIVERED|DEFERRED|THROTTLED|BLOCKED|BOUNCED|REJECTED|"
				  "UNREACHED|OTHER",
				  "名称|合计|送达|延迟|限速|拦截|退信|拒收|未连通|其他"));
	json_array_foreach(rows, i, row)
	{
		int64_t other = document_int(row, "n");
		table_str(&t, str_from(provider_name(cli, document_text(row, key))));
		report_number(&t, other);
		for (size_t k = 0; k < ARRAY_LEN(shown); k++) {
			report_number(&t, class_count(row, shown[k]));
			other -= class_count(row, shown[k]);
		}
		report_number(&t, other);
	}
	table_print(&t, cli, "");
}

static void print_deferrals(struct cli *cli, const json_t *rows)
{
	enum language language = report_language(cli);
	struct table t;
	size_t i;
	json_t *row;
	if (json_array_size(rows) == 0)
		return;
	cli_printf(cli, "\n%s\n", REPORT_SAY(cli, "Waiting for another try", "等待重试"));
	table_init(&t, REPORT_SAY(cli, "WHY|PEOPLE|NEXT DUE|MEANING", "原因|人数|下次重试|含义"));
	json_array_foreach(rows, i, row)
	{
		enum outcome_cause cause = (enum outcome_cause)document_int(row, "cause");
		bool is_parked = document_int(row, "class") == 0;
		table_str(&t, str_from(is_parked ? words_class(0, language)
						 : words_cause(cause, language)));
		report_number(&t, document_int(row, "n"));
		report_time(&t, document_int(row, "next_due_at"), language);
		table_str(&t,
			  str_from(is_parked ? REPORT_SAY(cli, "Their lane had no room; not tried.",
							  "通道暂无空位，尚未投递。")
					     : document_text(row, "meaning")));
	}
	table_print(&t, cli, "");
}

static void print_causes(struct cli *cli, const json_t *rows)
{
	enum language language = report_language(cli);
	struct table t;
	size_t i;
	json_t *row;
	table_init(&t, REPORT_SAY(cli, "CAUSE|CLASS|TIMES|MEANING|WHAT TO DO",
				  "原因|类别|次数|含义|处理建议"));
	json_array_foreach(rows, i, row)
	{
		table_str(&t, str_from(words_cause((enum outcome_cause)document_int(row, "cause"),
						   language)));
		table_str(&t, str_from(words_class((enum outcome_class)document_int(row, "class"),
						   language)));
		report_number(&t, document_int(row, "n"));
		table_str(&t, str_from(document_text(row, "meaning")));
		table_str(&t, str_from(document_text(row, "advice")));
	}
	table_print(&t, cli, REPORT_SAY(cli, "Nothing was refused.", "没有退信或拒收。"));
}

static void say_unknown_choice(struct cli *cli, const json_t *campaign, struct buf *line)
{
	if (strcmp(document_text(campaign, "unknown_policy"), "hold") != 0)
		buf_append_cstr(line, REPORT_SAY(cli, " They are tried once more by themselves.",
						 "系统会自动再发一次。"));
	else
		buf_appendf(
			line,
			REPORT_SAY(cli,
				   " They are held; to risk a second copy: edm campaign resend "
				   "%s --state unknown",
				   "策略为保留；如愿承担重复风险，可执行 edm campaign resend %s "
				   "--state unknown"),
			document_text(campaign, "name"));
}

/* What "unknown" and "sending" hide. */
static void print_doubts(struct cli *cli, const json_t *campaign)
{
	struct buf line;
	int64_t unknown = document_int(campaign, "unknown");
	int64_t in_doubt = document_int(campaign, "in_doubt");
	buf_init(&line, LINE_MAX_BYTES);
	if (unknown > 0) {
		buf_append_char(&line, '\n');
		format_people(unknown, report_language(cli), &line);
		buf_append_cstr(&line, REPORT_SAY(cli,
						  " unknown: the message had left when the link "
						  "died, so it may have arrived or not.",
						  " 人结果未知：邮件发出后连接中断，可能已收到。"));
		say_unknown_choice(cli, campaign, &line);
	}
	if (in_doubt > 0) {
		buf_append_char(&line, '\n');
		format_people(in_doubt, report_language(cli), &line);
		buf_append_cstr(&line, REPORT_SAY(cli,
						  " of those sending are with a node that is gone; "
						  "its journal is awaited until ",
						  " 人所在节点已失联，等待其日志至 "));
		format_time(document_int(campaign, "in_doubt_until"), report_language(cli), &line);
	}
	if (line.len > 0)
		cli_printf(cli, "%s\n", line.data);
	buf_done(&line);
}

void report_print_campaign(struct cli *cli, const json_t *campaign)
{
	print_headline(cli, campaign);
	print_times(cli, campaign);
	print_states(cli, campaign);
	print_doubts(cli, campaign);
	print_attempts(cli, json_object_get(campaign, "providers"), "provider");
	print_attempts(cli, json_object_get(campaign, "sources"), "source");
	print_deferrals(cli, json_object_get(campaign, "deferrals"));
	if (json_array_size(json_object_get(campaign, "bounces")) > 0) {
		cli_printf(cli, "\n%s\n", REPORT_SAY(cli, "Refused", "退信与拒收"));
		print_causes(cli, json_object_get(campaign, "bounces"));
	}
}

/* ------------------------------------------------------------------------------------- bounces */

static void print_samples(struct cli *cli, const json_t *cause)
{
	size_t i;
	json_t *sample;
	enum language language = report_language(cli);
	const json_t *samples = json_object_get(cause, "samples");
	if (json_array_size(samples) == 0)
		return;
	cli_printf(cli, "\n%s (%s)\n",
		   words_cause((enum outcome_cause)document_int(cause, "cause"), language),
		   words_class((enum outcome_class)document_int(cause, "class"), language));
	json_array_foreach(samples, i, sample)
	{
		const char *rule = document_text(sample, "rule");
		cli_printf(cli, "  %s: %s\n", document_text(sample, "mx"),
			   document_text(sample, "reply"));
		cli_printf(cli, "    %s [%s]\n", document_text(sample, "meaning"),
			   rule[0] ? rule : REPORT_SAY(cli, "no rule", "无规则"));
	}
}

/* "qq / mx1", the hour as people read it. */
static void append_group(const struct cli *cli, const json_t *group, struct buf *out)
{
	static const char *const keys[] = {"provider", "source", "campaign"};
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const char *name = document_text(group, keys[i]);
		if (name[0] == '\0')
			continue;
		buf_append_cstr(out, out->len > 0 ? " / " : "");
		buf_append_cstr(out, i == 0 ? provider_name(cli, name) : name);
	}
	if (document_int(group, "hour_at") == 0)
		return;
	buf_append_cstr(out, out->len > 0 ? " / " : "");
	format_time(document_int(group, "hour_at"), report_language(cli), out);
}

static void print_groups(struct cli *cli, const json_t *bounces)
{
	enum language language = report_language(cli);
	struct table t;
	size_t i, k;
	json_t *group, *cause;
	const json_t *groups = json_object_get(bounces, "groups");
	if (json_array_size(groups) == 0)
		return;
	cli_printf(cli, "\n");
	table_init(&t, REPORT_SAY(cli, "NAME|TIMES|CLASS|CAUSE", "名称|次数|类别|原因"));
	json_array_foreach(groups, i, group)
	{
		struct buf name;
		buf_init(&name, LINE_MAX_BYTES);
		append_group(cli, group, &name);
		json_array_foreach(json_object_get(group, "causes"), k, cause)
		{
			enum outcome_class klass = (enum outcome_class)document_int(cause, "class");
			enum outcome_cause why = (enum outcome_cause)document_int(cause, "cause");
			table_str(&t, k == 0 ? buf_str(&name) : STR(""));
			report_number(&t, document_int(cause, "n"));
			table_str(&t, str_from(words_class(klass, language)));
			table_str(&t, str_from(words_cause(why, language)));
		}
		buf_done(&name);
	}
	table_print(&t, cli, "");
}

void report_print_bounces(struct cli *cli, const json_t *bounces)
{
	size_t i;
	json_t *cause;
	print_causes(cli, json_object_get(bounces, "causes"));
	print_groups(cli, bounces);
	json_array_foreach(json_object_get(bounces, "causes"), i, cause) print_samples(cli, cause);
}

/* ------------------------------------------------------------------------------------- replies */

/* "qq 12, mail.example 3, …": who said it how often. */
static void table_providers(struct cli *cli, struct table *t, const json_t *providers)
{
	size_t i;
	json_t *entry;
	struct buf text;
	buf_init(&text, 256);
	json_array_foreach(providers, i, entry)
	{
		const char *name = document_text(entry, "provider");
		if (i == PROVIDERS_SHOWN) {
			buf_appendf(&text, ", …");
			break;
		}
		buf_appendf(&text, "%s%s %lld", i > 0 ? ", " : "",
			    provider_name(cli, name[0] ? name : "tail"),
			    (long long)document_int(entry, "n"));
	}
	table_str(t, buf_str(&text));
	buf_done(&text);
}

void report_print_replies(struct cli *cli, const json_t *replies)
{
	struct table t;
	size_t i;
	json_t *reply;
	double share = json_number_value(json_object_get(replies, "share"));
	table_init(&t, REPORT_SAY(cli, "TIMES|CLASS|RULE|CLUSTER|PROVIDER|REPLY",
				  "次数|类别|规则|聚类|服务商|回复样例"));
	json_array_foreach(json_object_get(replies, "replies"), i, reply)
	{
		report_number(&t, document_int(reply, "n"));
		table_str(&t, str_from(words_class((enum outcome_class)document_int(reply, "class"),
						   report_language(cli))));
		table_str_or_dash(&t, str_from(document_text(reply, "rule")));
		table_str(&t, str_from(document_text(reply, "cluster")));
		table_providers(cli, &t, json_object_get(reply, "providers"));
		table_str(&t, str_from(document_text(reply, "reply")));
	}
	table_print(&t, cli, REPORT_SAY(cli, "No such replies.", "没有符合条件的回复。"));
	if (share < 1)
		cli_printf(cli,
			   REPORT_SAY(cli, "\nestimated from %.1f %% of the outcomes\n",
				      "\n根据 %.1f %% 的结果抽样估算\n"),
			   100 * share);
}
