/* SPDX-License-Identifier: MIT */
/* The answer of limit explain for people, in English or Chinese. The numbers are collected in
 * lane_cmd.c. */
#include <string.h>

#include "scheduler/cli/lane_private.h"
#include "scheduler/cli/report_private.h"
#include "scheduler/cli/time_text_private.h"
#include "scheduler/report/format.h"
#include "scheduler/report/lane_say.h"
#include "scheduler/report/why_say.h"

#define TEXT_MAX 4096

static long long number_of(const json_t *object, const char *key)
{
	return (long long)document_int(object, key);
}

/* What the answer is about, and how it is said. */
struct telling {
	struct cli *cli;
	const json_t *answer;
	struct buf lane; /* "mx1/qq" */
	struct lane_saying saying;
	bool says_waits; /* the node's words for what it waits for are printed */
};

static const char *time_of(const struct telling *t, int64_t us, struct buf *out)
{
	char text[TIME_TEXT_MAX];
	buf_clear(out);
	if (t->cli->is_chinese)
		format_time(us, t->saying.language, out);
	else
		buf_append_cstr(out, time_words(us, text));
	return out->data;
}

/* -------------------------------------------------------------------------------------- what holds
 */

static void scope_cell(const struct telling *t, struct table *table, const json_t *cap)
{
	struct buf text;
	buf_init(&text, TEXT_MAX);
	lane_say_applies(t->saying.language, cap, &text);
	table_str(table, buf_str(&text));
	buf_done(&text);
}

/* Who set it; of what was learnt, when that was. */
static void set_by_cell(const struct telling *t, struct table *table, const json_t *cap)
{
	int64_t learnt_us = document_int(cap, "learnt_at");
	struct buf at;
	if (learnt_us == 0) {
		table_str_or_dash(table, str_from(document_text(cap, "set_by")));
		return;
	}
	buf_init(&at, 128);
	table_cell(table, REPORT_SAY(t->cli, "learnt %s", "学于 %s"), time_of(t, learnt_us, &at));
	buf_done(&at);
}

static void cap_row(const struct telling *t, struct table *table, const json_t *cap)
{
	struct buf says;
	const char *reply = document_text(cap, "reply");
	bool binds = json_is_true(json_object_get(cap, "binds"));
	buf_init(&says, TEXT_MAX);
	lane_say_cap(&t->saying, cap, &says);
	scope_cell(t, table, cap);
	table_str(table, buf_str(&says));
	table_str_or_dash(table, str_from(binds ? REPORT_SAY(t->cli, "binds", "受限于此") : ""));
	set_by_cell(t, table, cap);
	table_str_or_dash(table, str_from(reply[0] ? reply : document_text(cap, "because")));
	buf_done(&says);
}

static void print_caps(const struct telling *t)
{
	const json_t *caps = json_object_get(t->answer, "caps");
	struct table table;
	bool has_learnt = false;
	size_t i;
	json_t *cap;
	table_init(&table, REPORT_SAY(t->cli, "applies to|limit|now|set by|because",
				      "适用于|限制|当前|设定|原因"));
	json_array_foreach(caps, i, cap)
	{
		cap_row(t, &table, cap);
		has_learnt |= json_object_get(cap, "reply") != NULL;
	}
	table_print(&table, t->cli, REPORT_SAY(t->cli, "no limit at all", "没有任何限制"));
	if (has_learnt)
		cli_printf(t->cli,
			   REPORT_SAY(t->cli,
				      "edm limit forget %s has it forget what it learnt and start "
				      "again from what is configured\n",
				      "edm limit forget %s 可清除学习到的限制，从配置值重新开始\n"),
			   t->lane.data);
}

static void print_pause(const struct telling *t)
{
	const json_t *pause = json_object_get(t->answer, "paused");
	const char *because = document_text(pause, "because");
	if (json_is_null(pause))
		return;
	cli_printf(
		t->cli,
		REPORT_SAY(t->cli, "paused by %s (pause %lld)%s%s; edm resume --id %lld lifts it\n",
			   "已被 %s 暂停（暂停 %lld）%s%s；edm resume --id %lld 可恢复\n"),
		document_text(pause, "who"), number_of(pause, "id"),
		because[0] ? REPORT_SAY(t->cli, ": ", "：") : "", because, number_of(pause, "id"));
}

/* What nobody objected to yet is no lesson. */
static void print_learnt(const struct telling *t)
{
	const json_t *learnt = json_object_get(t->answer, "learnt");
	double rate = json_number_value(json_object_get(learnt, "messages_a_second"));
	bool is_start = !json_is_true(json_object_get(learnt, "connections_refused"));
	if (json_is_null(learnt))
		return;
	cli_printf(t->cli,
		   is_start
			   ? REPORT_SAY(t->cli, "so far: %.1f connections, and nobody has objected",
					"目前：%.1f 个连接，收件方未限制")
			   : REPORT_SAY(t->cli, "learnt: %.1f connections", "已学到：%.1f 个连接"),
		   json_number_value(json_object_get(learnt, "connections")));
	if (rate > 0)
		cli_printf(t->cli,
			   is_start ? REPORT_SAY(t->cli, "; learnt: %.2f messages/s",
						 "；已学到：每秒 %.2f 封")
				    : REPORT_SAY(t->cli, ", %.2f messages/s", "，每秒 %.2f 封"),
			   rate);
	cli_printf(t->cli, REPORT_SAY(t->cli, " (saved %lld s ago)\n", "（%lld 秒前保存）\n"),
		   number_of(learnt, "age_ms") / 1000);
}

static void print_warmup(const struct telling *t)
{
	const json_t *warmup = json_object_get(t->answer, "warmup");
	long long budget = number_of(warmup, "budget_a_day");
	bool is_held = json_is_true(json_object_get(warmup, "held"));
	if (json_is_null(warmup))
		return;
	if (json_is_null(json_object_get(warmup, "budget_a_day"))) {
		cli_printf(t->cli, REPORT_SAY(t->cli, "warm-up: over\n", "预热：已完成\n"));
		return;
	}
	cli_printf(t->cli,
		   REPORT_SAY(t->cli, "warm-up: step %lld of %lld, ", "预热：第 %lld/%lld 步，"),
		   number_of(warmup, "step") + 1, number_of(warmup, "steps"));
	if (t->cli->is_chinese)
		cli_printf(t->cli, "每天 %lld 封%s\n", budget, is_held ? "，已停留在当前步骤" : "");
	else
		cli_printf(t->cli, "%lld %s a day%s\n", budget,
			   plural(budget, "message", "messages"), is_held ? ", held" : "");
}

static void print_shares(const struct telling *t)
{
	size_t i;
	json_t *share;
	json_array_foreach(json_object_get(t->answer, "shares"), i, share)
	{
		const char *per = document_text(share, "per");
		cli_printf(
			t->cli,
			REPORT_SAY(t->cli,
				   "over all nodes, %s %s=%lld%s%s: %s has a share of %lld, for "
				   "another %lld s unless it is renewed\n",
				   "所有节点合计，%s %s=%lld%s%s：%s 的份额为 %lld，不续期则还有 "
				   "%lld 秒\n"),
			document_text(share, "scope"), document_text(share, "kind"),
			number_of(share, "limit"), per[0] ? "/" : "", per,
			document_text(share, "node"), number_of(share, "share"),
			number_of(share, "left_ms") / 1000);
	}
}

/* -------------------------------------------------------------------------------------------- now
 */

static void print_nothing(const struct telling *t)
{
	bool has_node = !json_is_false(json_object_get(t->answer, "has_node"));
	cli_printf(t->cli, "%s",
		   has_node ? REPORT_SAY(t->cli,
					 "now: no node shows this lane; nothing is sent on it\n",
					 "当前：没有节点显示该通道，未在发送\n")
			    : REPORT_SAY(t->cli,
					 "now: no node is running (edm run starts one); nothing is "
					 "sent\n",
					 "当前：没有运行中的节点（edm run 可启动），未在发送\n"));
}

static void print_live(struct telling *t)
{
	const json_t *live = json_object_get(t->answer, "live");
	const json_t *lane = json_object_get(live, "lane");
	struct buf waits;
	if (json_is_null(live)) {
		print_nothing(t);
		return;
	}
	cli_printf(t->cli,
		   REPORT_SAY(t->cli,
			      "now, on node %s (%lld s ago): %lld connections of %lld, %lld queued",
			      "当前，节点 %s（%lld 秒前）：连接 %lld/%lld，排队 %lld"),
		   document_text(live, "node"), number_of(live, "age_ms") / 1000,
		   number_of(lane, "sessions"), number_of(lane, "allowed"),
		   number_of(lane, "queued"));
	/* What binds it says the same, unless its host takes no connection. */
	bool is_said =
		json_object_get(lane, "binds") != NULL && json_object_get(lane, "refused") == NULL;
	buf_init(&waits, TEXT_MAX);
	lane_say_waits(&t->saying, lane, &waits);
	t->says_waits = waits.len > 0 && !is_said;
	if (t->says_waits)
		cli_printf(t->cli, "%s%s", REPORT_SAY(t->cli, "; ", "；"), waits.data);
	cli_printf(t->cli, "\n");
	buf_done(&waits);
}

/* How much goes, and what binds it. */
static void print_binds(const struct telling *t)
{
	const json_t *sent = json_object_get(t->answer, "sent_per_s");
	const json_t *binds = json_object_get(t->answer, "binds");
	struct buf says;
	if (json_is_number(sent))
		cli_printf(t->cli, REPORT_SAY(t->cli, "sends %.1f messages/s", "每秒发送 %.1f 封"),
			   json_number_value(sent));
	if (json_is_null(binds)) {
		cli_printf(t->cli, "%s",
			   json_is_number(sent) ? REPORT_SAY(t->cli, "; no limit binds it\n",
							     "；没有限制约束它\n")
						: "");
		return;
	}
	if (t->says_waits && !json_is_number(sent))
		return;
	buf_init(&says, TEXT_MAX);
	lane_say_binds(&t->saying, binds, &says);
	cli_printf(t->cli, REPORT_SAY(t->cli, "%sbinds: %s\n", "%s受限于：%s\n"),
		   json_is_number(sent) ? REPORT_SAY(t->cli, "; ", "；") : "", says.data);
	buf_done(&says);
}

/* What changes next; nothing for a lane that never sent. */
static void print_next(const struct telling *t)
{
	struct buf says, at;
	size_t i;
	json_t *change;
	buf_init(&says, TEXT_MAX);
	buf_init(&at, 128);
	json_array_foreach(json_object_get(t->answer, "next"), i, change)
	{
		int64_t at_us = document_int(change, "at");
		buf_clear(&says);
		lane_say_change(&t->saying, change, &says);
		cli_printf(t->cli, REPORT_SAY(t->cli, "next: %s", "接下来：%s"), says.data);
		if (at_us > t->saying.now_us)
			cli_printf(t->cli, REPORT_SAY(t->cli, " (%s)", "（%s）"),
				   time_of(t, at_us, &at));
		cli_printf(t->cli, "\n");
	}
	buf_done(&says);
	buf_done(&at);
}

static const char *origin_of(const struct telling *t, const json_t *party)
{
	bool is_backoff = strcmp(document_text(party, "origin"), "back-off") == 0;
	if (!t->cli->is_chinese)
		return document_text(party, "origin");
	return lane_origin_zh(is_backoff ? ORIGIN_BACKOFF : ORIGIN_LEARNT);
}

/* What the receiver limits here that is not the lane. */
static void print_limited(const struct telling *t)
{
	const json_t *lane = json_object_get(json_object_get(t->answer, "live"), "lane");
	size_t i;
	json_t *party;
	json_array_foreach(json_object_get(lane, "limited"), i, party)
	{
		bool is_campaign = strcmp(document_text(party, "level"), "campaign") == 0;
		cli_printf(t->cli, REPORT_SAY(t->cli, "limited here: %s %s, ", "此处受限：%s %s，"),
			   is_campaign ? REPORT_SAY(t->cli, "campaign", "任务")
				       : REPORT_SAY(t->cli, "domain", "发信域名"),
			   document_text(party, "name"));
		if (number_of(party, "value") == 0)
			cli_printf(t->cli,
				   REPORT_SAY(t->cli, "nothing is sent (%s)\n", "暂停发送（%s）\n"),
				   origin_of(t, party));
		else
			cli_printf(t->cli,
				   REPORT_SAY(t->cli, "%.2f messages/s (%s)\n",
					      "每秒 %.2f 封（%s）\n"),
				   json_number_value(json_object_get(party, "per_s")),
				   origin_of(t, party));
	}
}

/* Limits of campaigns that keep their mail on this lane back. */
static void print_campaigns(const struct telling *t)
{
	const struct why_context w = {.language = t->saying.language, .now_us = t->saying.now_us};
	struct buf text;
	size_t i;
	json_t *waiting;
	buf_init(&text, TEXT_MAX);
	json_array_foreach(json_object_get(t->answer, "campaigns"), i, waiting)
	{
		buf_clear(&text);
		hold_say_waiting(&w, waiting, &text);
		cli_printf(t->cli, REPORT_SAY(t->cli, "campaign %s: %.*s\n", "任务 %s：%.*s\n"),
			   document_text(waiting, "campaign"), STR_ARG(buf_str(&text)));
	}
	buf_done(&text);
}

static const char *state_of(const struct telling *t)
{
	return words_named_state(document_text(t->answer, "source_state"), report_language(t->cli));
}

void lane_print_answer(struct cli *cli, const json_t *answer)
{
	struct telling t = {.cli = cli, .answer = answer};
	buf_init(&t.lane, 1024);
	buf_appendf(&t.lane, "%s/%s", document_text(answer, "source"),
		    document_text(answer, "target"));
	t.saying = (struct lane_saying){report_language(cli), document_int(answer, "now_at"),
					t.lane.data};
	cli_printf(cli, REPORT_SAY(cli, "lane %s, source %s\n", "通道 %s，发信源%s\n"), t.lane.data,
		   state_of(&t));
	print_pause(&t);
	print_live(&t);
	print_binds(&t);
	print_next(&t);
	print_limited(&t);
	print_campaigns(&t);
	print_shares(&t);
	print_learnt(&t);
	print_warmup(&t);
	cli_printf(cli, "\n");
	print_caps(&t);
	buf_done(&t.lane);
}
