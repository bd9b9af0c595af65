/* SPDX-License-Identifier: MIT */
/* edm events: what was changed, by whom and why. */
#include "engine/base/utf8.h"
#include "scheduler/cli/report_private.h"
#include "scheduler/cli/steer_private.h"
#include "scheduler/cli/table_private.h"
#include "scheduler/cli/time_text_private.h"
#include "scheduler/cli/verbs.h"
#include "scheduler/report/events.h"
#include "scheduler/report/events_say.h"

#define WEEK_MS INT64_C(604800000)
#define ROWS_DEFAULT 200
#define ROWS_MAX 100000
#define TEXT_MAX 65536
#define DETAIL_BYTES 100 /* of the detail in a table; --json has all of it */

static void event_cells(struct table *t, const json_t *event, enum language language)
{
	struct str verb = str_from(document_text(event, "what"));
	struct buf text;
	buf_init(&text, TEXT_MAX);
	events_say_what(verb, language, &text);
	table_str(t, buf_str(&text));
	buf_clear(&text);
	events_say_about(str_from(document_text(event, "about")), language, &text);
	table_str(t, buf_str(&text));
	table_str_or_dash(t, str_from(document_text(event, "because")));
	buf_clear(&text);
	events_say_detail(verb, json_object_get(event, "detail"), language, &text);
	struct str all = buf_str(&text), shown = utf8_clip(all, DETAIL_BYTES);
	if (all.len == 0)
		table_str(t, STR("-"));
	else
		table_cell(t, "%.*s%s", STR_ARG(shown), shown.len < all.len ? "…" : "");
	buf_done(&text);
}

static void print_events(struct cli *cli, const json_t *events, int64_t rows_max)
{
	char when[TIME_TEXT_MAX];
	struct table t;
	size_t i;
	json_t *event;
	table_init(&t, REPORT_SAY(cli, "when|who|what|about|because|detail",
				  "时间|操作人|操作|对象|原因|详情"));
	json_array_foreach(events, i, event)
	{
		table_cell(&t, "%s", report_when(cli, document_int(event, "at_us"), when));
		table_str(&t, str_from(document_text(event, "who")));
		event_cells(&t, event, report_language(cli));
	}
	table_print(
		&t, cli,
		REPORT_SAY(cli,
			   "nothing like that was changed in that time; --last 30d looks further "
			   "back",
			   "该时间内没有此类改动；--last 30d 可查看更早的记录"));
	if (json_array_size(events) == (size_t)rows_max)
		cli_printf(cli,
			   REPORT_SAY(cli, "these are the newest; there may be more: --rows N\n",
				      "以上为最新记录，可能还有更多：--rows N\n"));
}

static void print_events_json(struct cli *cli, json_t *document)
{
	size_t i;
	json_t *event;
	json_array_foreach(json_object_get(document, "events"), i, event)
	{
		json_object_set_new(event, "at", time_json(document_int(event, "at_us")));
		json_object_del(event, "at_us");
	}
	cli_print_json(cli, json_incref(document));
}

static int run_events(struct cli *cli, struct err *err)
{
	struct events_question question = {.last_ms = WEEK_MS,
					   .what = steer_option(cli, "kind"),
					   .about = steer_option(cli, "about")};
	int64_t rows = ROWS_DEFAULT;
	if (args_duration(&cli->args, "last", &question.last_ms, err) != 0 ||
	    args_number(&cli->args, "rows", ARG_RANGE(1, ROWS_MAX), &rows, err) != 0)
		return -1;
	question.rows_max = (int32_t)rows;
	struct pg_blocking *db = cli_database(cli, err);
	json_t *document = db != NULL ? events_load(db, &question, err) : NULL;
	if (document == NULL)
		return -1;
	if (cli->wants_json)
		print_events_json(cli, document);
	else
		print_events(cli, json_object_get(document, "events"), rows);
	json_decref(document);
	return 0;
}

static const struct arg_option event_options[] = {
	{"last", "TIME", "of the last so long, as in 24h (default: 7d)"},
	{"kind", "VERB", "only these: 'limit set', or limit for set, unset and undo"},
	{"about", "TEXT", "only what is about that, as campaign:spring or mx1/qq"},
	{"rows", "N", "the newest N (default: 200)"},
	{NULL, NULL, NULL},
};

const struct cli_verb event_verbs[] = {
	{.noun = "events",
	 .options = event_options,
	 .summary = "Show what was changed, by whom and why",
	 .examples = "    edm events --last 1h\n"
		     "    edm events --kind limit --about mx1/qq\n"
		     "    edm events --kind 'node drain' --json",
	 .takes_json = true,
	 .run = run_events},
	{0},
};
