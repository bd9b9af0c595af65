/* SPDX-License-Identifier: MIT */
/* edm campaign show, watch, wait: one row of the database in words. */
#include <stdlib.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "scheduler/cli/campaign_private.h"
#include "scheduler/cli/report_private.h"
#include "scheduler/report/forecast.h"
#include "scheduler/report/format.h"

#define SHARE_MAX 32
#define LABEL_WIDTH 13 /* columns, with a blank at its end */
#define WATCH_TTY_MS 1000
#define WATCH_LINE_MS 5000
#define WATCH_ETA_MS 10000 /* to foresee costs more than to look */
#define NO_ETA (-1)	   /* of many campaigns it would cost seconds */

/* ---------------------------------------------------------------------------------------- JSON */

static json_t *json_names(struct pg_items names)
{
	json_t *array = json_array();
	struct str name;
	while (pg_next_text(&names, &name))
		json_array_append_new(array, json_of_str(name));
	return array;
}

static json_t *json_states(struct pg_items states)
{
	json_t *array = json_array();
	int64_t state;
	while (pg_next_int(&states, &state))
		json_array_append_new(
			array, json_string(recipient_state_name((enum recipient_state)state)));
	return array;
}

/* What it says and is made of. */
static void set_content_json(json_t *o, const struct campaign_row *c)
{
	json_object_set_new(o, "from", json_of_str(c->from_address));
	json_object_set_new(o, "from_name", json_of_text_or_null(c->from_name));
	json_object_set_new(o, "reply_to", json_of_text_or_null(c->reply_to));
	json_object_set_new(o, "subject", json_of_str(c->subject));
	json_object_set_new(o, "preheader", json_of_text_or_null(c->preheader));
	json_object_set_new(o, "attachments", json_names(c->attachments));
	json_object_set_new(o, "content_version", json_integer(c->content_version));
}

/* The reason it is paused, its sentence behind it when there is one; null when it is not. */
static json_t *json_reason(const struct campaign_row *c)
{
	return c->reason == PAUSED_NONE ? json_null() : json_string(pause_reason_name(c->reason));
}

static json_t *campaign_json(const struct campaign_row *c, int64_t eta_us)
{
	json_t *o = json_object();
	json_object_set_new(o, "id", json_integer(c->id));
	json_object_set_new(o, "name", json_of_str(c->name));
	json_object_set_new(o, "state", json_string(campaign_state_name(c->state)));
	json_object_set_new(o, "reason", json_reason(c));
	json_object_set_new(o, "reason_text", json_of_text_or_null(c->reason_text));
	json_object_set_new(o, "audience", json_integer(c->audience));
	json_object_set_new(o, "expected", json_integer(c->expected));
	json_object_set_new(o, "complete", json_boolean(c->is_complete));
	for (int state = 1; state < RECIPIENT_STATE_END; state++)
		json_object_set_new(o, recipient_state_name((enum recipient_state)state),
				    json_integer(c->counts[state]));
	json_object_set_new(o, "rate", json_real((double)(int64_t)(c->rate * 100 + 0.5) / 100));
	if (eta_us != NO_ETA)
		json_object_set_new(o, "eta", time_json(eta_us));
	json_object_set_new(o, "created_at", time_json(c->created_us));
	json_object_set_new(o, "scheduled_at", time_json(c->scheduled_us));
	json_object_set_new(o, "scheduled_tz", json_of_text_or_null(c->zone));
	json_object_set_new(o, "grace_s", c->grace_s < 0 ? json_null() : json_integer(c->grace_s));
	json_object_set_new(o, "started_at", time_json(c->started_us));
	json_object_set_new(o, "finished_at", time_json(c->finished_us));
	json_object_set_new(o, "deadline", time_json(c->deadline_us));
	json_object_set_new(o, "lists", json_names(c->lists));
	json_object_set_new(o, "excluded", json_names(c->excluded));
	json_object_set_new(o, "audience_of", json_of_text_or_null(c->audience_of));
	json_object_set_new(o, "audience_states", json_states(c->audience_states));
	set_content_json(o, c);
	json_object_set_new(o, "pool", json_of_text_or_null(c->pool));
	json_object_set_new(o, "signed", json_boolean(!c->is_unsigned));
	json_object_set_new(o, "unknown_policy", json_string(unknown_policy_name(c->unknown)));
	json_object_set_new(o, "priority", json_integer(c->priority));
	json_object_set_new(o, "window", json_of_text_or_null(c->hours));
	json_object_set_new(o, "window_tz", json_of_text_or_null(c->hours_zone));
	json_object_set_new(o, "is_open", json_boolean(c->opens_us == 0));
	json_object_set_new(o, "opens_at",
			    time_json(c->opens_us == CALENDAR_NEVER ? 0 : c->opens_us));
	json_object_set_new(o, "created_by", json_of_str(c->created_by));
	return o;
}

/* --------------------------------------------------------------------------------------- words */

/* What a state is called for people. */
static const char *state_words(const struct cli *cli, int64_t state)
{
	return words_state((enum recipient_state)state, report_language(cli));
}

/* Why it is paused, in a word or two. */
static const char *reason_words(const struct cli *cli, enum pause_reason reason)
{
	static const char *const names_zh[] = {[PAUSED_NONE] = "",
					       [PAUSED_OPERATOR] = "人工",
					       [PAUSED_PREFLIGHT] = "检查未通过",
					       [PAUSED_LATE] = "已过计划时间",
					       [PAUSED_BRAKE] = "自动熔断"};
	return REPORT_NAMED(cli, pause_reason_name(reason), names_zh, reason);
}

/* "spring: paused (brake)" */
static void print_name_and_state(struct cli *cli, const struct campaign_row *c)
{
	cli_printf(cli, REPORT_SAY(cli, "%.*s: %s", "%.*s：%s"), STR_ARG(c->name),
		   words_campaign_state(c->state, report_language(cli)));
	if (c->reason != PAUSED_NONE)
		cli_printf(cli, REPORT_SAY(cli, " (%s)", "（%s）"), reason_words(cli, c->reason));
}

/* The beginning of a line: what it is about. */
static void print_label(struct cli *cli, const char *label)
{
	cli_printf(cli, "  %s ", label);
	for (size_t width = cli_width(label) + 1; width < LABEL_WIDTH; width++)
		cli_printf(cli, " ");
}

static int64_t count_final(const struct campaign_row *c)
{
	int64_t sum = 0;
	for (int state = 1; state < RECIPIENT_STATE_END; state++)
		if (recipient_state_is_final((enum recipient_state)state))
			sum += c->counts[state];
	return sum;
}

/* Whom it is about: the audience, or what is expected while it is built. */
static int64_t people_of(const struct campaign_row *c)
{
	return c->is_complete || c->expected < c->audience ? c->audience : c->expected;
}

static void print_time(struct cli *cli, const char *what, int64_t us)
{
	char text[TIME_TEXT_MAX];
	if (us == 0)
		return;
	print_label(cli, what);
	cli_printf(cli, "%s\n", report_when(cli, us, text));
}

/* What its brake said of it, or an operator: theirs are told as they are. */
static void print_reason(struct cli *cli, const struct campaign_row *c)
{
	struct buf text;
	if (c->reason_text.len == 0)
		return;
	if (c->reason == PAUSED_OPERATOR) {
		cli_printf(cli, REPORT_SAY(cli, ": %.*s", "：%.*s"), STR_ARG(c->reason_text));
		return;
	}
	char *en = xstrndup(c->reason_text.ptr, c->reason_text.len);
	buf_init(&text, REPORT_SENTENCE_MAX);
	cli_printf(cli, REPORT_SAY(cli, ": %s", "：%s"), report_sentence(cli, en, &text));
	buf_done(&text);
	free(en);
}

static void print_state(struct cli *cli, const struct campaign_row *c)
{
	char since[TIME_TEXT_MAX];
	print_name_and_state(cli, c);
	cli_printf(cli, REPORT_SAY(cli, " since %s", "，自 %s"),
		   report_when(cli, c->state_since_us, since));
	if (c->state_by.len > 0)
		cli_printf(cli, REPORT_SAY(cli, " by %.*s", "，操作人 %.*s"), STR_ARG(c->state_by));
	print_reason(cli, c);
	cli_printf(cli, "\n");
}

static void print_names(struct cli *cli, const char *what, struct pg_items names)
{
	struct str name;
	const char *separator = "";
	if (names.count == 0)
		return;
	print_label(cli, what);
	while (pg_next_text(&names, &name)) {
		cli_printf(cli, "%s%.*s", separator, STR_ARG(name));
		separator = ", ";
	}
	cli_printf(cli, "\n");
}

static void print_text(struct cli *cli, const char *what, struct str text)
{
	if (text.len == 0)
		return;
	print_label(cli, what);
	cli_printf(cli, "%.*s\n", STR_ARG(text));
}

static void print_audience_of(struct cli *cli, const struct campaign_row *c)
{
	struct pg_items states = c->audience_states;
	const char *separator = REPORT_SAY(cli, " that are ", "，状态为 ");
	int64_t state;
	if (c->audience_of.len == 0)
		return;
	print_label(cli, REPORT_SAY(cli, "to", "收件人"));
	cli_printf(cli, REPORT_SAY(cli, "people of campaign %.*s", "任务 %.*s 的收件人"),
		   STR_ARG(c->audience_of));
	for (; pg_next_int(&states, &state); separator = REPORT_SAY(cli, ", ", "、"))
		cli_printf(cli, "%s%s", separator, state_words(cli, state));
	cli_printf(cli, "\n");
}

static void print_start(struct cli *cli, const struct campaign_row *c)
{
	char utc[TIME_TEXT_MAX], span[TIME_TEXT_MAX];
	if (c->state != CAMPAIGN_SCHEDULED)
		return;
	const char *starts = REPORT_SAY(cli, "starts", "计划开始");
	if (c->scheduled_wall.len > 0) {
		print_label(cli, starts);
		cli_printf(cli, REPORT_SAY(cli, "%.*s %.*s, which is %s\n", "%.*s %.*s，即 %s\n"),
			   STR_ARG(c->scheduled_wall), STR_ARG(c->zone),
			   time_words(c->scheduled_us, utc));
	} else {
		print_time(cli, starts, c->scheduled_us);
	}
	if (c->grace_s >= 0) {
		print_label(cli, REPORT_SAY(cli, "grace", "宽限"));
		cli_printf(cli,
			   REPORT_SAY(cli, "at most %s late, else it pauses\n",
				      "最多推迟 %s，否则暂停\n"),
			   report_span(cli, c->grace_s * 1000000, span));
	}
}

static void print_settings(struct cli *cli, const struct campaign_row *c)
{
	char span[TIME_TEXT_MAX];
	print_label(cli, REPORT_SAY(cli, "from", "发件人"));
	if (c->from_name.len > 0)
		cli_printf(cli, "%.*s <%.*s>\n", STR_ARG(c->from_name), STR_ARG(c->from_address));
	else
		cli_printf(cli, "%.*s\n", STR_ARG(c->from_address));
	print_text(cli, REPORT_SAY(cli, "reply to", "回复地址"), c->reply_to);
	print_text(cli, REPORT_SAY(cli, "subject", "主题"), c->subject);
	print_text(cli, REPORT_SAY(cli, "preheader", "预览文本"), c->preheader);
	print_names(cli, REPORT_SAY(cli, "attached", "附件"), c->attachments);
	print_audience_of(cli, c);
	print_names(cli, REPORT_SAY(cli, "lists", "名单"), c->lists);
	print_names(cli, REPORT_SAY(cli, "except", "排除名单"), c->excluded);
	print_text(cli, REPORT_SAY(cli, "pool", "IP 池"), c->pool);
	print_label(cli, REPORT_SAY(cli, "policy", "策略"));
	cli_printf(cli,
		   REPORT_SAY(cli, "%s, %s, priority %d, gives up after %s\n",
			      "%s，%s，优先级 %d，%s后放弃\n"),
		   c->is_unsigned ? REPORT_SAY(cli, "unsigned", "不签名")
				  : REPORT_SAY(cli, "signed", "签名"),
		   c->unknown == UNKNOWN_HOLD
			   ? REPORT_SAY(cli, "unknown outcomes are held", "结果未知的暂不重发")
			   : REPORT_SAY(cli, "unknown outcomes are retried", "结果未知的自动重发"),
		   c->priority, report_span(cli, c->give_up_after_s * 1000000, span));
}

static void print_hours(struct cli *cli, const struct campaign_row *c)
{
	char until[TIME_TEXT_MAX], span[TIME_TEXT_MAX];
	const char *hours = REPORT_SAY(cli, "hours", "发送时段");
	if (c->hours.len > 0) {
		print_label(cli, hours);
		cli_printf(cli, "%.*s %.*s\n", STR_ARG(c->hours), STR_ARG(c->hours_zone));
	}
	if (c->common_hours.len > 0) {
		print_label(cli, hours);
		cli_printf(cli, REPORT_SAY(cli, "%.*s (of all campaigns)\n", "%.*s（所有任务）\n"),
			   STR_ARG(c->common_hours));
	}
	if (c->opens_us == 0 || campaign_is_final(c->state))
		return;
	print_label(cli, REPORT_SAY(cli, "now", "当前"));
	if (c->opens_us == CALENDAR_NEVER)
		cli_printf(cli, REPORT_SAY(cli, "outside its sending hours, which never come\n",
					   "不在发送时段内，且今后也没有可发送时段\n"));
	else
		cli_printf(cli,
			   REPORT_SAY(cli, "outside its sending hours until %s (in %s)\n",
				      "不在发送时段内，直到 %s（还有 %s）\n"),
			   report_when(cli, c->opens_us, until),
			   report_span(cli, c->opens_us - c->now_us, span));
}

/* As reports have it. */
static const char *tenths_of(int64_t tenths, int64_t part, char dst[SHARE_MAX])
{
	struct buf text;
	buf_init(&text, SHARE_MAX - 1);
	format_tenths(tenths, part, &text);
	snprintf(dst, SHARE_MAX, "%s", text.data);
	buf_done(&text);
	return dst;
}

static const char *share_of(int64_t part, int64_t whole, char dst[SHARE_MAX])
{
	struct buf text;
	buf_init(&text, SHARE_MAX - 1);
	format_share(part, whole, &text);
	snprintf(dst, SHARE_MAX, "%s", text.data);
	buf_done(&text);
	return dst;
}

static void print_end(struct cli *cli, const struct campaign_row *c, int64_t eta_us)
{
	const char *label = REPORT_SAY(cli, "done about", "预计完成");
	print_time(cli, label, eta_us);
	if (eta_us != 0 || c->state != CAMPAIGN_RUNNING ||
	    c->counts[RECIPIENT_DEFERRED] <= FORECAST_QUICK_PEOPLE)
		return;
	print_label(cli, label);
	cli_printf(cli,
		   REPORT_SAY(cli, "see edm campaign forecast %.*s\n",
			      "见 edm campaign forecast %.*s\n"),
		   STR_ARG(c->name));
}

static void print_counts(struct cli *cli, const struct campaign_row *c, int64_t eta_us)
{
	char number[32], share[SHARE_MAX];
	int64_t tenths[RECIPIENT_STATE_END];
	if (c->started_us == 0)
		return;
	share_tenths(c->counts, RECIPIENT_STATE_END, tenths);
	print_label(cli, REPORT_SAY(cli, "audience", "受众"));
	cli_printf(cli, "%12s%s\n", cli_number(c->audience, number, sizeof(number)),
		   c->is_complete ? "" : REPORT_SAY(cli, " (being built)", "（收件人仍在生成）"));
	for (int state = 1; state < RECIPIENT_STATE_END; state++) {
		if (c->counts[state] == 0 && state != RECIPIENT_DELIVERED)
			continue;
		print_label(cli, state_words(cli, state));
		cli_printf(cli, "%12s  %7s\n", cli_number(c->counts[state], number, sizeof(number)),
			   tenths_of(tenths[state], c->counts[state], share));
	}
	if (c->rate > 0) {
		print_label(cli, REPORT_SAY(cli, "rate", "速度"));
		cli_printf(cli, REPORT_SAY(cli, "%12.1f a second\n", "%12.1f 封/秒\n"), c->rate);
	}
	print_end(cli, c, eta_us);
}

static void print_campaign(struct cli *cli, const struct campaign_row *c, int64_t eta_us)
{
	print_state(cli, c);
	print_settings(cli, c);
	print_start(cli, c);
	print_time(cli, REPORT_SAY(cli, "started", "开始于"), c->started_us);
	print_time(cli, REPORT_SAY(cli, "deadline", "截止时间"), c->deadline_us);
	print_time(cli, REPORT_SAY(cli, "ended", "结束于"), c->finished_us);
	print_hours(cli, c);
	print_counts(cli, c, eta_us);
}

static int print_list(struct cli *cli, const struct campaign_view *view)
{
	char audience[32], delivered[32], share[SHARE_MAX], when[TIME_TEXT_MAX];
	struct table t;
	table_init(&t, REPORT_SAY(cli, "NAME|STATE|AUDIENCE|DELIVERED|DONE|SINCE|SUBJECT",
				  "任务|状态|受众|已送达|完成度|状态自|主题"));
	for (size_t i = 0; i < view->count; i++) {
		const struct campaign_row *c = &view->items[i];
		int64_t people = people_of(c);
		table_str(&t, c->name);
		table_cell(&t, "%s", words_campaign_state(c->state, report_language(cli)));
		table_cell(&t, "%s", cli_number(people, audience, sizeof(audience)));
		table_cell(
			&t, "%s",
			cli_number(c->counts[RECIPIENT_DELIVERED], delivered, sizeof(delivered)));
		table_cell(&t, "%s", share_of(count_final(c), people, share));
		table_cell(&t, "%s", report_when(cli, c->state_since_us, when));
		table_str(&t, c->subject);
	}
	table_print(&t, cli,
		    REPORT_SAY(cli,
			       "There is no campaign yet. Make one: edm campaign create --help, or "
			       "read edm help start",
			       "还没有任务。新建：edm campaign create --help，入门请看 edm help "
			       "start"));
	return 0;
}

static int show_all(struct cli *cli, struct err *err)
{
	struct campaign_view view;
	int result = campaign_view_load(cli->db, NULL, &view, err);
	if (result == 0 && cli->wants_json) {
		json_t *array = json_array();
		for (size_t i = 0; i < view.count; i++)
			json_array_append_new(array, campaign_json(&view.items[i], NO_ETA));
		result = cli_print_json(cli, array);
	} else if (result == 0) {
		result = print_list(cli, &view);
	}
	campaign_view_done(&view);
	return result;
}

int run_campaign_show(struct cli *cli, struct err *err)
{
	struct campaign_view view;
	if (cli_arg(cli, 0) == NULL)
		return cli_database(cli, err) == NULL ? -1 : show_all(cli, err);
	int result = campaign_load_one(cli, NULL, &view, err);
	int64_t eta_us = result == 0 ? campaign_likely_end(cli, &view.items[0]) : 0;
	if (result == 0 && cli->wants_json)
		result = cli_print_json(cli, campaign_json(&view.items[0], eta_us));
	else if (result == 0)
		print_campaign(cli, &view.items[0], eta_us);
	campaign_view_done(&view);
	return result;
}

/* --------------------------------------------------------------------------------- watch, wait */

static void print_line(struct cli *cli, const struct campaign_row *c)
{
	char number[32], when[TIME_TEXT_MAX];
	cli_printf(cli, "%s %.*s %s", report_when(cli, c->now_us, when), STR_ARG(c->name),
		   words_campaign_state(c->state, report_language(cli)));
	if (c->reason != PAUSED_NONE)
		cli_printf(cli, REPORT_SAY(cli, " (%s)", "（%s）"), reason_words(cli, c->reason));
	for (int state = 1; state < RECIPIENT_STATE_END; state++)
		if (c->counts[state] != 0)
			cli_printf(cli, " %s=%s", state_words(cli, state),
				   cli_number(c->counts[state], number, sizeof(number)));
	cli_printf(cli, REPORT_SAY(cli, " rate=%.1f/s", " 速度=%.1f/秒"), c->rate);
	if (c->state == CAMPAIGN_RUNNING && c->opens_us != 0 && c->opens_us != CALENDAR_NEVER)
		cli_printf(cli,
			   REPORT_SAY(cli, " outside its sending hours until %s",
				      " 不在发送时段内，直到 %s"),
			   report_when(cli, c->opens_us, when));
	cli_printf(cli, "\n");
	fflush(cli->out);
}

/* Homes the cursor, prints over what stood there, clears what is left of it. */
static void redraw(struct cli *cli, const struct campaign_row *c, int64_t eta_us)
{
	cli_printf(cli, "\x1b[H\x1b[J");
	print_campaign(cli, c, eta_us);
	fflush(cli->out);
}

/* A document a line, whole at once: programs read them as they come. */
static void print_json_line(struct cli *cli, const struct campaign_row *c, int64_t eta_us)
{
	json_t *json = campaign_json(c, eta_us);
	json_object_set_new(json, "now", time_json(c->now_us));
	json_dumpf(json, cli->out, JSON_COMPACT);
	cli_printf(cli, "\n");
	fflush(cli->out);
	json_decref(json);
}

/* What has been shown so far. */
struct watching {
	bool is_redrawn; /* on a terminal */
	enum campaign_state state;
	int64_t shown_ms, eta_ms, eta_us;
};

static void watch_once(struct cli *cli, struct watching *w, const struct campaign_row *c)
{
	int64_t now_ms = clock_now_ms();
	bool is_changed = c->state != w->state;
	bool is_shown = w->is_redrawn || is_changed || now_ms - w->shown_ms >= WATCH_LINE_MS;
	bool has_eta = w->is_redrawn || cli->wants_json;
	w->state = c->state;
	if (!is_shown)
		return;
	if (has_eta && (is_changed || now_ms - w->eta_ms >= WATCH_ETA_MS)) {
		w->eta_us = campaign_likely_end(cli, c);
		w->eta_ms = now_ms;
	}
	w->shown_ms = now_ms;
	if (cli->wants_json)
		print_json_line(cli, c, w->eta_us);
	else if (w->is_redrawn)
		redraw(cli, c, w->eta_us);
	else
		print_line(cli, c);
}

int run_campaign_watch(struct cli *cli, struct err *err)
{
	struct watching w = {.is_redrawn = !cli->wants_json && isatty(fileno(cli->out)) != 0};
	for (;;) {
		struct campaign_view view;
		int result = campaign_load_one(cli, NULL, &view, err);
		if (result == 0)
			watch_once(cli, &w, &view.items[0]);
		campaign_view_done(&view);
		if (result != 0 || campaign_is_final(w.state))
			return result;
		if (campaign_wait_news(cli->db, WATCH_TTY_MS, err) != 0)
			return -1;
	}
}

/* 1: finished, 0: not yet, -1: it never will by itself. The last look (is_last, or what ends the
 * waiting) is the document of --json. */
static int look_whether_finished(struct cli *cli, bool is_last, struct err *err)
{
	struct campaign_view view;
	int result = campaign_load_one(cli, NULL, &view, err);
	if (result == 0) {
		const struct campaign_row *c = &view.items[0];
		if (cli->wants_json && (is_last || campaign_is_final(c->state)))
			print_json_line(cli, c, NO_ETA);
		result = c->state == CAMPAIGN_FINISHED;
		if (c->state == CAMPAIGN_CANCELLED)
			result = err_set(err, ERR_INPUT, "campaign %s was cancelled",
					 cli_arg(cli, 0));
	}
	campaign_view_done(&view);
	return result;
}

int run_campaign_wait(struct cli *cli, struct err *err)
{
	int64_t timeout_s = INT64_MAX / 1000000;
	if (args_number(&cli->args, "timeout", ARG_RANGE(0, 100000000), &timeout_s, err) != 0)
		return -1;
	int64_t until_ms = clock_now_ms() + timeout_s * 1000;
	for (;;) {
		int64_t left_ms = until_ms - clock_now_ms();
		int finished = look_whether_finished(cli, left_ms <= 0, err);
		if (finished != 0)
			return finished > 0 ? 0 : -1;
		if (left_ms <= 0)
			return err_set(err, ERR_INPUT,
				       "campaign %s is not finished after %lld s; what it waits "
				       "for: edm why %s",
				       cli_arg(cli, 0), (long long)timeout_s, cli_arg(cli, 0));
		if (campaign_wait_news(cli->db, left_ms < 1000 ? (int)left_ms : 1000, err) != 0)
			return -1;
	}
}
