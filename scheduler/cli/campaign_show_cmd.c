/* SPDX-License-Identifier: MIT */
/* edm campaign show, watch, wait: one row of the database in words. */
#include <stdlib.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "scheduler/cli/campaign_private.h"
#include "scheduler/cli/table_private.h"
#include "scheduler/cli/time_text_private.h"
#include "scheduler/report/forecast.h"
#include "scheduler/report/format.h"

#define SHARE_MAX 32
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
static const char *state_words(int state)
{
	return state == RECIPIENT_LEASED ? "sending"
					 : recipient_state_name((enum recipient_state)state);
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
	if (us != 0)
		cli_printf(cli, "  %-12s %s\n", what, time_words(us, text));
}

static void print_state(struct cli *cli, const struct campaign_row *c)
{
	char since[TIME_TEXT_MAX];
	cli_printf(cli, "%.*s: %s", STR_ARG(c->name), campaign_state_name(c->state));
	if (c->reason != PAUSED_NONE)
		cli_printf(cli, " (%s)", pause_reason_name(c->reason));
	cli_printf(cli, " since %s", time_words(c->state_since_us, since));
	if (c->state_by.len > 0)
		cli_printf(cli, " by %.*s", STR_ARG(c->state_by));
	if (c->reason_text.len > 0)
		cli_printf(cli, ": %.*s", STR_ARG(c->reason_text));
	cli_printf(cli, "\n");
}

static void print_names(struct cli *cli, const char *what, struct pg_items names)
{
	struct str name;
	const char *separator = "";
	if (names.count == 0)
		return;
	cli_printf(cli, "  %-12s ", what);
	while (pg_next_text(&names, &name)) {
		cli_printf(cli, "%s%.*s", separator, STR_ARG(name));
		separator = ", ";
	}
	cli_printf(cli, "\n");
}

static void print_text(struct cli *cli, const char *what, struct str text)
{
	if (text.len > 0)
		cli_printf(cli, "  %-12s %.*s\n", what, STR_ARG(text));
}

static void print_audience_of(struct cli *cli, const struct campaign_row *c)
{
	struct pg_items states = c->audience_states;
	const char *separator = " that are ";
	int64_t state;
	if (c->audience_of.len == 0)
		return;
	cli_printf(cli, "  %-12s people of campaign %.*s", "to", STR_ARG(c->audience_of));
	for (; pg_next_int(&states, &state); separator = ", ")
		cli_printf(cli, "%s%s", separator,
			   recipient_state_name((enum recipient_state)state));
	cli_printf(cli, "\n");
}

static void print_start(struct cli *cli, const struct campaign_row *c)
{
	char utc[TIME_TEXT_MAX], span[TIME_TEXT_MAX];
	if (c->state != CAMPAIGN_SCHEDULED)
		return;
	if (c->scheduled_wall.len > 0)
		cli_printf(cli, "  %-12s %.*s %.*s, which is %s\n", "starts",
			   STR_ARG(c->scheduled_wall), STR_ARG(c->zone),
			   time_words(c->scheduled_us, utc));
	else
		print_time(cli, "starts", c->scheduled_us);
	if (c->grace_s >= 0)
		cli_printf(cli, "  %-12s at most %s late, else it pauses\n", "grace",
			   time_span(c->grace_s * 1000000, span));
}

static void print_settings(struct cli *cli, const struct campaign_row *c)
{
	char span[TIME_TEXT_MAX];
	if (c->from_name.len > 0)
		cli_printf(cli, "  %-12s %.*s <%.*s>\n", "from", STR_ARG(c->from_name),
			   STR_ARG(c->from_address));
	else
		cli_printf(cli, "  %-12s %.*s\n", "from", STR_ARG(c->from_address));
	print_text(cli, "reply to", c->reply_to);
	print_text(cli, "subject", c->subject);
	print_text(cli, "preheader", c->preheader);
	print_names(cli, "attached", c->attachments);
	print_audience_of(cli, c);
	print_names(cli, "lists", c->lists);
	print_names(cli, "except", c->excluded);
	print_text(cli, "pool", c->pool);
	cli_printf(cli, "  %-12s %s, %s, priority %d, gives up after %s\n", "policy",
		   c->is_unsigned ? "unsigned" : "signed",
		   c->unknown == UNKNOWN_HOLD ? "unknown outcomes are held"
					      : "unknown outcomes are retried",
		   c->priority, time_span(c->give_up_after_s * 1000000, span));
}

static void print_hours(struct cli *cli, const struct campaign_row *c)
{
	char until[TIME_TEXT_MAX], span[TIME_TEXT_MAX];
	if (c->hours.len > 0)
		cli_printf(cli, "  %-12s %.*s %.*s\n", "hours", STR_ARG(c->hours),
			   STR_ARG(c->hours_zone));
	if (c->common_hours.len > 0)
		cli_printf(cli, "  %-12s %.*s (of all campaigns)\n", "hours",
			   STR_ARG(c->common_hours));
	if (c->opens_us == 0 || campaign_is_final(c->state))
		return;
	if (c->opens_us == CALENDAR_NEVER)
		cli_printf(cli, "  %-12s outside its sending hours, which never come\n", "now");
	else
		cli_printf(cli, "  %-12s outside its sending hours until %s (in %s)\n", "now",
			   time_words(c->opens_us, until),
			   time_span(c->opens_us - c->now_us, span));
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

static void print_counts(struct cli *cli, const struct campaign_row *c, int64_t eta_us)
{
	char number[32], share[SHARE_MAX];
	int64_t tenths[RECIPIENT_STATE_END];
	if (c->started_us == 0)
		return;
	share_tenths(c->counts, RECIPIENT_STATE_END, tenths);
	cli_printf(cli, "  %-12s %12s%s\n", "audience",
		   cli_number(c->audience, number, sizeof(number)),
		   c->is_complete ? "" : " (being built)");
	for (int state = 1; state < RECIPIENT_STATE_END; state++)
		if (c->counts[state] != 0 || state == RECIPIENT_DELIVERED)
			cli_printf(cli, "  %-12s %12s  %7s\n", state_words(state),
				   cli_number(c->counts[state], number, sizeof(number)),
				   tenths_of(tenths[state], c->counts[state], share));
	if (c->rate > 0)
		cli_printf(cli, "  %-12s %12.1f a second\n", "rate", c->rate);
	print_time(cli, "done about", eta_us);
	if (eta_us == 0 && c->state == CAMPAIGN_RUNNING &&
	    c->counts[RECIPIENT_DEFERRED] > FORECAST_QUICK_PEOPLE)
		cli_printf(cli, "  %-12s see edm campaign forecast %.*s\n", "done about",
			   STR_ARG(c->name));
}

static void print_campaign(struct cli *cli, const struct campaign_row *c, int64_t eta_us)
{
	print_state(cli, c);
	print_settings(cli, c);
	print_start(cli, c);
	print_time(cli, "started", c->started_us);
	print_time(cli, "deadline", c->deadline_us);
	print_time(cli, "ended", c->finished_us);
	print_hours(cli, c);
	print_counts(cli, c, eta_us);
}

static int print_list(struct cli *cli, const struct campaign_view *view)
{
	char audience[32], delivered[32], share[SHARE_MAX], when[TIME_TEXT_MAX];
	struct table t;
	table_init(&t, "NAME|STATE|AUDIENCE|DELIVERED|DONE|SINCE|SUBJECT");
	for (size_t i = 0; i < view->count; i++) {
		const struct campaign_row *c = &view->items[i];
		int64_t people = people_of(c);
		table_str(&t, c->name);
		table_cell(&t, "%s", campaign_state_name(c->state));
		table_cell(&t, "%s", cli_number(people, audience, sizeof(audience)));
		table_cell(
			&t, "%s",
			cli_number(c->counts[RECIPIENT_DELIVERED], delivered, sizeof(delivered)));
		table_cell(&t, "%s", share_of(count_final(c), people, share));
		table_cell(&t, "%s", time_words(c->state_since_us, when));
		table_str(&t, c->subject);
	}
	table_print(&t, cli,
		    "There is no campaign yet. Make one: edm campaign create --help, or read edm "
		    "help start");
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
	cli_printf(cli, "%s %.*s %s", time_words(c->now_us, when), STR_ARG(c->name),
		   campaign_state_name(c->state));
	if (c->reason != PAUSED_NONE)
		cli_printf(cli, " (%s)", pause_reason_name(c->reason));
	for (int state = 1; state < RECIPIENT_STATE_END; state++)
		if (c->counts[state] != 0)
			cli_printf(cli, " %s=%s", state_words(state),
				   cli_number(c->counts[state], number, sizeof(number)));
	cli_printf(cli, " rate=%.1f/s", c->rate);
	if (c->state == CAMPAIGN_RUNNING && c->opens_us != 0 && c->opens_us != CALENDAR_NEVER)
		cli_printf(cli, " outside its sending hours until %s",
			   time_words(c->opens_us, when));
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

int run_campaign_watch(struct cli *cli, struct err *err)
{
	bool is_tty = isatty(fileno(cli->out)) != 0;
	int64_t last_ms = 0, eta_ms = 0, eta_us = 0;
	enum campaign_state last_state = 0;
	for (;;) {
		struct campaign_view view;
		int result = campaign_load_one(cli, NULL, &view, err);
		if (result != 0) {
			campaign_view_done(&view);
			return result;
		}
		const struct campaign_row *c = &view.items[0];
		enum campaign_state state = c->state;
		int64_t now_ms = clock_now_ms();
		if (is_tty && (state != last_state || now_ms - eta_ms >= WATCH_ETA_MS)) {
			eta_us = campaign_likely_end(cli, c);
			eta_ms = now_ms;
		}
		if (is_tty) {
			redraw(cli, c, eta_us);
		} else if (state != last_state || now_ms - last_ms >= WATCH_LINE_MS) {
			print_line(cli, c);
			last_ms = now_ms;
		}
		last_state = state;
		campaign_view_done(&view);
		if (campaign_is_final(state))
			return 0;
		if (campaign_wait_news(cli->db, WATCH_TTY_MS, err) != 0)
			return -1;
	}
}

/* 1: finished, 0: not yet, -1: it never will by itself. */
static int look_whether_finished(struct cli *cli, struct err *err)
{
	struct campaign_view view;
	int result = campaign_load_one(cli, NULL, &view, err);
	if (result == 0) {
		enum campaign_state state = view.items[0].state;
		result = state == CAMPAIGN_FINISHED;
		if (state == CAMPAIGN_CANCELLED)
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
		int finished = look_whether_finished(cli, err);
		if (finished != 0)
			return finished > 0 ? 0 : -1;
		int64_t left_ms = until_ms - clock_now_ms();
		if (left_ms <= 0)
			return err_set(err, ERR_INPUT,
				       "campaign %s is not finished after %lld s; what it waits "
				       "for: edm why %s",
				       cli_arg(cli, 0), (long long)timeout_s, cli_arg(cli, 0));
		if (campaign_wait_news(cli->db, left_ms < 1000 ? (int)left_ms : 1000, err) != 0)
			return -1;
	}
}
