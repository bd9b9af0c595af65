/* SPDX-License-Identifier: MIT */
/* edm campaign create, edit: from options to a request. */
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/utf8.h"
#include "scheduler/campaign/preflight.h"
#include "scheduler/campaign/schedule.h"
#include "scheduler/cli/campaign_private.h"
#include "scheduler/cli/report_private.h"

#define EDIT_WAIT_MS 30000

/* Of create and of edit. */
#define CONTENT_OPTIONS                                                                            \
	{"from", "ADDR", "who it is from: 'Name <a@b>'"},                                          \
		{"subject", "TEXT", "a template, as the parts are"},                               \
		{"html", "FILE", "the HTML part; - is standard input"},                            \
		{"text", "FILE", "the plain text part (else made from the HTML)"},                 \
		{"attach", "FILE …",                                                               \
		 "attach it; shown in place where the HTML has cid:FILE; '' when edited: none"},   \
		{"preheader", "TEXT", "the preview line mail programs show after the subject"},    \
	{                                                                                          \
		"reply-to", "ADDR", "where replies go"                                             \
	}
#define SETTING_OPTIONS                                                                            \
	{"list", "L …", "members of this list"},                                                   \
		{"exclude", "L …", "but nobody of this list; '' when edited: leave nobody out"},   \
		{"pool", "P", "send from the sources of this pool only"},                          \
		{"unsigned", NULL, "send without DKIM"},                                           \
		{"unknown", "hold|retry",                                                          \
		 "who may have got it when a link broke: hold (default), or send once more"},      \
		{"priority", "N", "1 to 1000, higher goes first (default 100)"},                   \
		{"give-up-after", "48h", "how long a receiver may keep somebody waiting"},         \
		{"deadline", "TIME", "who has not got it by then expires"},                        \
		{"window", "HOURS",                                                                \
		 "send only then: 'Mon-Fri 09:00-18:00, Sat 10:00-14:00'; none: always"},          \
	{                                                                                          \
		"tz", "ZONE", "the zone of --deadline and --window, as Asia/Shanghai"              \
	}

const struct arg_option campaign_create_options[] = {
	CONTENT_OPTIONS,
	SETTING_OPTIONS,
	{"audience-of", "OTHER", "to the people of another campaign who are in --state"},
	{"state", "STATES", "with --audience-of: bounced,blocked …"},
	{NULL, NULL, NULL},
};

const struct arg_option campaign_edit_options[] = {
	CONTENT_OPTIONS,
	SETTING_OPTIONS,
	{"signed", NULL, "sign it again"},
	{NULL, NULL, NULL},
};

/* The options of one command, and what a request points to. */
struct draft {
	struct campaign_request request;
	struct content_request content;
	struct str lists[ARGS_MAX_OPTIONS];
	struct str excluded[ARGS_MAX_OPTIONS];
	const char *files[ARGS_MAX_OPTIONS];
	bool is_unsigned;
	enum unknown_policy unknown;
	int64_t give_up_after_ms, deadline_us, priority;
	char zone[SCHEDULE_ZONE_MAX]; /* of the sending hours */
};

/* ------------------------------------------------------------------------------------- options */

static int read_names(const struct cli *cli, const char *option, struct str *names,
		      struct campaign_names *out, struct err *err)
{
	const char *value;
	while ((value = args_option_at(&cli->args, option, (int)out->count)) != NULL) {
		names[out->count] = str_from(value);
		if (!utf8_is_valid(names[out->count]))
			return err_set(err, ERR_USAGE, "--%s is not UTF-8 text", option);
		out->count++;
	}
	out->items = names;
	return 0;
}

/* --exclude '' alone: nobody is left out any more. */
static void take_none(struct campaign_names *names)
{
	names->is_none = names->count == 1 && str_is_empty(names->items[0]);
	if (names->is_none)
		names->count = 0;
}

static void read_content(const struct cli *cli, struct draft *d)
{
	const char *file;
	d->content = (struct content_request){
		.from = cli_option(cli, "from"),
		.reply_to = cli_option(cli, "reply-to"),
		.subject = cli_option(cli, "subject"),
		.preheader = cli_option(cli, "preheader"),
		.html_path = cli_option(cli, "html"),
		.text_path = cli_option(cli, "text"),
		.attachment_paths = d->files,
	};
	while ((file = args_option_at(&cli->args, "attach", (int)d->content.attachment_count)))
		d->files[d->content.attachment_count++] = file;
}

static int read_deadline(struct cli *cli, struct draft *d, struct err *err)
{
	const char *text = cli_option(cli, "deadline");
	struct schedule_time deadline;
	if (text == NULL)
		return 0;
	d->request.settings.deadline_us = &d->deadline_us;
	if (strcmp(text, "none") == 0) {
		d->deadline_us = CAMPAIGN_NO_TIME;
		return 0;
	}
	if (schedule_resolve(cli->db, str_from(text), campaign_zone(cli), &deadline, err) != 0)
		return err_prefix(err, "--deadline");
	if (deadline.at_us <= deadline.now_us)
		return err_set(err, ERR_USAGE, "--deadline: %s %s is past", deadline.wall,
			       deadline.zone);
	d->deadline_us = deadline.at_us;
	return 0;
}

static int read_hours(struct cli *cli, struct draft *d, struct err *err)
{
	const char *text = cli_option(cli, "window");
	struct calendar_hours hours;
	if (text == NULL)
		return 0;
	d->request.settings.hours_zone = d->zone;
	d->request.settings.hours = strcmp(text, "none") == 0 ? "" : text;
	if (strcmp(text, "none") == 0)
		return 0;
	if (calendar_parse_hours(str_from(text), &hours, err) != 0 ||
	    schedule_zone(cli->db, campaign_zone(cli), d->zone, err) != 0)
		return err_prefix(err, "--window");
	return 0;
}

static int read_policy(const struct cli *cli, struct draft *d, struct err *err)
{
	struct campaign_settings *s = &d->request.settings;
	const char *unknown = cli_option(cli, "unknown");
	if (unknown != NULL && unknown_policy_parse(str_from(unknown), &d->unknown) != 0)
		return err_set(err, ERR_USAGE, "--unknown is hold or retry, not '%s'", unknown);
	if (unknown != NULL)
		s->unknown = &d->unknown;
	d->is_unsigned = cli_flag(cli, "unsigned");
	if (d->is_unsigned && cli_flag(cli, "signed"))
		return err_set(err, ERR_USAGE, "--signed and --unsigned exclude each other");
	if (d->is_unsigned || cli_flag(cli, "signed"))
		s->is_unsigned = &d->is_unsigned;
	s->pool = cli_option(cli, "pool");
	if (s->pool != NULL && !utf8_is_valid(str_from(s->pool)))
		return err_set(err, ERR_USAGE, "--pool is not UTF-8 text");
	return 0;
}

static int read_numbers(const struct cli *cli, struct draft *d, struct err *err)
{
	struct campaign_settings *s = &d->request.settings;
	if (args_number(&cli->args, "priority", ARG_RANGE(1, CAMPAIGN_PRIORITY_MAX), &d->priority,
			err) != 0 ||
	    args_duration(&cli->args, "give-up-after", &d->give_up_after_ms, err) != 0)
		return -1;
	if (cli_option(cli, "priority") != NULL)
		s->priority = &d->priority;
	if (cli_option(cli, "give-up-after") == NULL)
		return 0;
	s->give_up_after_ms = &d->give_up_after_ms;
	if (d->give_up_after_ms < 60000 || d->give_up_after_ms > 30 * 86400000LL)
		return err_set(err, ERR_USAGE, "--give-up-after is from 1m to 30d");
	return 0;
}

/* A zone by itself says nothing: the hours were said in one. */
static int read_zone(const struct cli *cli, struct err *err)
{
	if (cli_option(cli, "tz") == NULL || cli_option(cli, "deadline") != NULL ||
	    cli_option(cli, "window") != NULL)
		return 0;
	return err_set(err, ERR_USAGE,
		       "--tz goes with --deadline or --window: say again what is meant in that "
		       "zone");
}

static int read_options(struct cli *cli, struct draft *d, struct err *err)
{
	struct campaign_settings *s = &d->request.settings;
	d->request.name = cli_arg(cli, 0);
	d->request.by = campaign_by(cli);
	read_content(cli, d);
	if (read_names(cli, "list", d->lists, &s->lists, err) != 0 ||
	    read_names(cli, "exclude", d->excluded, &s->excluded, err) != 0 ||
	    read_zone(cli, err) != 0 || read_policy(cli, d, err) != 0 ||
	    read_numbers(cli, d, err) != 0 || cli_database(cli, err) == NULL ||
	    read_deadline(cli, d, err) != 0 || read_hours(cli, d, err) != 0)
		return -1;
	take_none(&s->excluded);
	return 0;
}

/* -------------------------------------------------------------------------------------- create */

static int read_states(const char *text, unsigned *states_out, struct err *err)
{
	struct str rest = str_from(text);
	unsigned states = 0;
	while (rest.len > 0) {
		enum recipient_state state;
		struct str name = str_trim(str_take_until(&rest, ','));
		if (recipient_state_parse(name, &state) != 0 || !recipient_state_is_final(state))
			return err_set(err, ERR_USAGE,
				       "--state takes delivered, bounced, rejected, blocked, "
				       "expired, suppressed, cancelled or unknown, not '%.*s'",
				       STR_ARG(name));
		states |= 1u << state;
	}
	*states_out = states;
	return 0;
}

static int read_audience(struct cli *cli, struct draft *d, struct err *err)
{
	const char *other = cli_option(cli, "audience-of");
	const char *states = cli_option(cli, "state");
	struct campaign_view view;
	if (other == NULL && states != NULL)
		return err_set(err, ERR_USAGE, "--state needs --audience-of OTHER");
	if (other == NULL && d->request.settings.lists.count == 0)
		return err_set(err, ERR_USAGE,
			       "to whom? Give --list L, or --audience-of OTHER --state STATES");
	if (other == NULL)
		return 0;
	if (states == NULL)
		return err_set(err, ERR_USAGE,
			       "--audience-of needs --state: which of its people, such as "
			       "bounced,blocked");
	if (d->request.settings.lists.count > 0)
		return err_set(err, ERR_USAGE,
			       "--audience-of takes the lists of %s: leave --list out", other);
	if (read_states(states, &d->request.audience_states, err) != 0)
		return -1;
	int result = campaign_load_one(cli, other, &view, err);
	if (result == 0)
		d->request.audience_of = view.items[0].id;
	campaign_view_done(&view);
	return result;
}

/* The zone may have been left to the default. */
static void print_hours(struct cli *cli, struct str hours, struct str zone)
{
	if (hours.len > 0)
		cli_printf(cli,
			   REPORT_SAY(cli, "it is sent in these hours: %.*s %.*s\n",
				      "发送时段：%.*s %.*s\n"),
			   STR_ARG(hours), STR_ARG(zone));
}

static int report_created(struct cli *cli, const struct campaign_row *row,
			  const struct preflight *checks)
{
	const char *name = cli_arg(cli, 0);
	char number[32];
	if (cli->wants_json)
		return cli_print_json(cli,
				      json_pack("{s:i, s:s, s:s, s:I}", "id", row->id, "name", name,
						"state", campaign_state_name(CAMPAIGN_DRAFT),
						"people", (json_int_t)checks->audience));
	cli_printf(cli,
		   REPORT_SAY(cli, "campaign %s is a draft to at most %s %s\n",
			      "任务 %s 已存为草稿，最多发给 %s %s\n"),
		   name, cli_number(checks->audience, number, sizeof(number)),
		   REPORT_SAY(cli, plural(checks->audience, "person", "people"), "人"));
	print_hours(cli, row->hours, row->hours_zone);
	struct buf text;
	buf_init(&text, REPORT_SENTENCE_MAX);
	for (size_t i = 0; i < checks->count; i++)
		if (checks->findings[i].is_error)
			cli_printf(cli,
				   REPORT_SAY(cli, "before it can start: %s\n", "开始之前：%s\n"),
				   report_sentence(cli, checks->findings[i].sentence, &text));
	buf_done(&text);
	cli_printf(cli,
		   REPORT_SAY(cli, "next: edm campaign preview %s, then edm campaign start %s\n",
			      "下一步：edm campaign preview %s，然后 edm campaign start %s\n"),
		   name, name);
	return 0;
}

static int tell_created(struct cli *cli, struct err *err)
{
	struct campaign_view view;
	struct preflight checks;
	preflight_init(&checks);
	int result = campaign_load_one(cli, NULL, &view, err);
	if (result == 0)
		result = preflight_run(cli->db, &view.items[0], &checks, err);
	if (result == 0)
		result = report_created(cli, &view.items[0], &checks);
	campaign_view_done(&view);
	preflight_done(&checks);
	return result;
}

static int create(struct cli *cli, struct draft *d, struct content_source *source, int32_t *id_out,
		  struct err *err)
{
	struct content *content = NULL;
	if (read_options(cli, d, err) != 0 || campaign_check_name(d->request.name, err) != 0 ||
	    read_audience(cli, d, err) != 0 || content_source_take(source, &d->content, err) != 0 ||
	    content_source_compile(source, &content, err) != 0)
		return -1;
	content_free(content);
	d->request.content = source;
	return campaign_create(cli->db, &d->request, id_out, err);
}

int run_campaign_create(struct cli *cli, struct err *err)
{
	struct draft d = {0};
	struct content_source source;
	int32_t id = 0;
	content_source_init(&source);
	int result = create(cli, &d, &source, &id, err);
	content_source_done(&source);
	return result == 0 ? tell_created(cli, err) : -1;
}

/* ---------------------------------------------------------------------------------------- edit */

/* The new content: the stored one with what the options give over it. */
static int edit_content(struct cli *cli, const struct campaign_row *row, struct draft *d,
			struct content_source *source, struct err *err)
{
	struct content *content = NULL;
	if (content_request_is_empty(&d->content))
		return 0;
	if (campaign_content_load(cli->db, row, source, err) != 0 ||
	    content_source_take(source, &d->content, err) != 0 ||
	    content_source_compile(source, &content, err) != 0)
		return -1;
	content_free(content);
	d->request.content = source;
	return 0;
}

static bool is_nothing(const struct draft *d)
{
	const struct campaign_settings *s = &d->request.settings;
	return content_request_is_empty(&d->content) && s->pool == NULL && !s->is_unsigned &&
	       !s->unknown && !s->give_up_after_ms && !s->deadline_us && !s->priority &&
	       s->lists.count == 0 && s->excluded.count == 0 && !s->excluded.is_none && !s->hours;
}

/* Sending hours are no part of what is sent: they change while it runs. */
static bool is_only_hours(struct draft d)
{
	bool has_hours = d.request.settings.hours != NULL;
	d.request.settings.hours = NULL;
	return has_hours && is_nothing(&d);
}

/* A paused campaign is edited once no node holds messages of it: that takes a moment. */
static int edit_when_free(struct cli *cli, struct campaign_view *view, struct draft *d,
			  struct err *err)
{
	if (is_only_hours(*d))
		return campaign_set_hours(cli->db, &view->items[0], &d->request, err);
	int64_t until_ms = clock_now_ms() + EDIT_WAIT_MS;
	for (;;) {
		bool is_leased = false;
		int result = campaign_edit(cli->db, &view->items[0], &d->request, &is_leased, err);
		if (result == 0 || !is_leased || clock_now_ms() >= until_ms)
			return result;
		if (campaign_wait_news(cli->db, 500, err) != 0)
			return -1;
		/* A change by somebody else shows as another version. */
		int32_t version = view->items[0].version;
		campaign_view_done(view);
		if (campaign_load_one(cli, NULL, view, err) != 0)
			return -1;
		if (view->items[0].version != version)
			return err_set(err, ERR_REFUSED,
				       "campaign %s was changed meanwhile: nothing was changed now",
				       cli_arg(cli, 0));
	}
}

static int report_edited(struct cli *cli, const struct campaign_row *row, const struct draft *d,
			 struct err *err)
{
	int64_t bound = 0, newest = 0;
	char kept[32], changed[32];
	int version = row->content_version + (d->request.content != NULL);
	if (row->started_us != 0 && d->request.content != NULL &&
	    campaign_edit_reach(cli->db, row->id, &bound, &newest, err) != 0)
		return -1;
	if (cli->wants_json)
		return cli_print_json(cli,
				      json_pack("{s:s, s:i, s:I, s:I}", "name", d->request.name,
						"content_version", version, "keep_old",
						(json_int_t)bound, "get_new", (json_int_t)newest));
	cli_printf(cli, REPORT_SAY(cli, "campaign %s is changed%s\n", "任务 %s 已更改%s\n"),
		   d->request.name,
		   d->request.content != NULL
			   ? REPORT_SAY(cli, ": its content is new", "：内容已更新")
			   : "");
	if (d->request.settings.hours != NULL)
		print_hours(cli, str_from(d->request.settings.hours), str_from(d->zone));
	if (row->started_us != 0 && d->request.content != NULL)
		cli_printf(cli,
			   REPORT_SAY(cli,
				      "new content: %s %s; old content, because it may have "
				      "arrived already: %s %s\n",
				      "新内容：%s %s；旧内容（可能已送达）：%s %s\n"),
			   cli_number(newest, changed, sizeof(changed)),
			   REPORT_SAY(cli, plural(newest, "person", "people"), "人"),
			   cli_number(bound, kept, sizeof(kept)),
			   REPORT_SAY(cli, plural(bound, "person", "people"), "人"));
	return 0;
}

int run_campaign_edit(struct cli *cli, struct err *err)
{
	struct draft d = {0};
	struct content_source source;
	struct campaign_view view = {0};
	content_source_init(&source);
	int result = read_options(cli, &d, err);
	if (result == 0 && is_nothing(&d))
		result =
			err_set(err, ERR_USAGE, "what is to change? See: edm campaign edit --help");
	if (result == 0)
		result = campaign_load_one(cli, NULL, &view, err);
	if (result == 0)
		result = edit_content(cli, &view.items[0], &d, &source, err);
	if (result == 0)
		result = edit_when_free(cli, &view, &d, err);
	if (result == 0)
		result = report_edited(cli, &view.items[0], &d, err);
	campaign_view_done(&view);
	content_source_done(&source);
	return result;
}
