/* SPDX-License-Identifier: MIT */
/* The verbs of `edm report`: campaign, bounces, recipients, replies. */
#include "scheduler/cli/report_private.h"

#include <errno.h>

#include "scheduler/cli/verbs.h"
#include "scheduler/report/bounces.h"
#include "scheduler/report/counts.h"
#include "scheduler/report/format.h"
#include "scheduler/report/recipients.h"
#include "scheduler/report/replies.h"

#define WEEK_MS (7 * 86400000LL)
#define ROW_MAX (256u << 10)

static int run_campaign(struct cli *cli, struct err *err)
{
	struct pg_blocking *db = cli_database(cli, err);
	if (db == NULL)
		return -1;
	json_t *campaign = counts_campaign(db, cli_arg(cli, 0), report_language(cli), err);
	if (campaign == NULL)
		return -1;
	if (report_is_json(cli, campaign))
		return 0;
	report_print_campaign(cli, campaign);
	json_decref(campaign);
	return 0;
}

static int run_bounces(struct cli *cli, struct err *err)
{
	const char *by = cli_option(cli, "by");
	int64_t samples = 3;
	struct bounces_request request = {.campaign = cli_option(cli, "campaign"),
					  .by = by ? by : "cause",
					  .language = report_language(cli)};
	/* A campaign is reported whole, everything together by the week. */
	request.last_ms = request.campaign ? 0 : WEEK_MS;
	if (args_duration(&cli->args, "last", &request.last_ms, err) != 0 ||
	    args_number(&cli->args, "samples", ARG_RANGE(0, BOUNCES_SAMPLES_MAX), &samples, err) !=
		    0)
		return -1;
	request.samples = (int)samples;
	struct pg_blocking *db = cli_database(cli, err);
	json_t *bounces = db ? bounces_load(db, &request, err) : NULL;
	if (bounces == NULL)
		return -1;
	if (report_is_json(cli, bounces))
		return 0;
	report_print_bounces(cli, bounces);
	json_decref(bounces);
	return 0;
}

static int run_replies(struct cli *cli, struct err *err)
{
	int64_t last_ms = WEEK_MS;
	if (args_duration(&cli->args, "last", &last_ms, err) != 0)
		return -1;
	struct pg_blocking *db = cli_database(cli, err);
	json_t *replies = NULL;
	if (db != NULL)
		replies = replies_load(db, last_ms, cli_flag(cli, "unmatched"),
				       report_language(cli), err);
	if (replies == NULL)
		return -1;
	if (report_is_json(cli, replies))
		return 0;
	report_print_replies(cli, replies);
	json_decref(replies);
	return 0;
}

/* ---------------------------------------------------------------------------------- recipients */

struct listing {
	struct cli *cli;
	struct buf line;
	bool is_first;
};

static int put_line(struct listing *l, struct err *err)
{
	must(!l->line.is_truncated);
	size_t written = fwrite(l->line.data, 1, l->line.len, l->cli->out);
	bool is_whole = written == l->line.len;
	buf_clear(&l->line);
	return is_whole ? 0 : err_errno(err, errno, "the output could not be written");
}

static void append_iso(int64_t us, struct buf *out)
{
	if (us != 0)
		format_iso(us, out);
}

static const char *class_of(const struct recipient_row *row)
{
	return row->klass ? outcome_class_name((enum outcome_class)row->klass) : "";
}

static const char *cause_of(const struct recipient_row *row)
{
	return row->cause ? outcome_cause_name((enum outcome_cause)row->cause) : "";
}

static int csv_row(void *owner, const struct recipient_row *row, struct err *err)
{
	struct listing *l = owner;
	struct buf *line = &l->line;
	format_csv_cell(row->address, line);
	buf_appendf(line, ",%s,", recipient_state_name(row->state));
	append_iso(row->since_us, line);
	buf_append_char(line, ',');
	append_iso(row->until_us, line);
	buf_appendf(line, ",%d,%s,%s,", row->attempts, class_of(row), cause_of(row));
	format_csv_cell(row->rule, line);
	buf_append_char(line, ',');
	format_csv_cell(row->mx, line);
	buf_append_char(line, ',');
	format_csv_cell(row->reply, line);
	buf_append_cstr(line, "\r\n");
	return put_line(l, err);
}

static void append_json_text(struct buf *out, const char *key, struct str value)
{
	buf_appendf(out, ", \"%s\": ", key);
	buf_append_json(out, value);
}

static void append_json_time(struct buf *out, const char *key, int64_t us)
{
	buf_appendf(out, us != 0 ? ", \"%s\": \"" : ", \"%s\": null", key);
	if (us == 0)
		return;
	format_iso(us, out);
	buf_append_char(out, '"');
}

static int json_row(void *owner, const struct recipient_row *row, struct err *err)
{
	struct listing *l = owner;
	buf_append_cstr(&l->line, l->is_first ? "\n{\"address\": " : ",\n{\"address\": ");
	buf_append_json(&l->line, row->address);
	append_json_text(&l->line, "state", str_from(recipient_state_name(row->state)));
	append_json_time(&l->line, "since", row->since_us);
	append_json_time(&l->line, "until", row->until_us);
	buf_appendf(&l->line, ", \"attempts\": %d", row->attempts);
	append_json_text(&l->line, "class", str_from(class_of(row)));
	append_json_text(&l->line, "cause", str_from(cause_of(row)));
	append_json_text(&l->line, "rule", row->rule);
	append_json_text(&l->line, "mx", row->mx);
	append_json_text(&l->line, "reply", row->reply);
	buf_append_char(&l->line, '}');
	l->is_first = false;
	return put_line(l, err);
}

/* The columns of the listing: rows come as they are read, so the widths are what mostly fits. */
enum text_column { TEXT_ADDRESS = 34, TEXT_STATE = 10, TEXT_SINCE = 20, TEXT_ATTEMPTS = 8 };

/* The cell that begins at byte from, filled up to its width, and the gap to the next one. */
static void pad(struct buf *line, size_t from, enum text_column width)
{
	for (size_t used = cli_width(line->data + from); used < (size_t)width; used++)
		buf_append_char(line, ' ');
	buf_append_cstr(line, "  ");
}

static void text_cell(struct buf *line, struct str text, enum text_column width)
{
	size_t from = line->len;
	buf_append_str(line, text);
	if (line->len > from)
		pad(line, from, width);
}

static int text_head(struct listing *l, struct err *err)
{
	struct cli *cli = l->cli;
	text_cell(&l->line, str_from(REPORT_SAY(cli, "ADDRESS", "地址")), TEXT_ADDRESS);
	text_cell(&l->line, str_from(REPORT_SAY(cli, "STATE", "状态")), TEXT_STATE);
	text_cell(&l->line, str_from(REPORT_SAY(cli, "SINCE", "时间")), TEXT_SINCE);
	text_cell(&l->line, str_from(REPORT_SAY(cli, "ATTEMPTS", "次数")), TEXT_ATTEMPTS);
	buf_appendf(&l->line, "%s\n", REPORT_SAY(cli, "REPLY", "回复"));
	return put_line(l, err);
}

static int text_row(void *owner, const struct recipient_row *row, struct err *err)
{
	struct listing *l = owner;
	struct str nobody = str_from(REPORT_SAY(l->cli, "(erased)", "（已清除）"));
	struct str address = row->address.len ? row->address : nobody;
	enum language language = report_language(l->cli);
	text_cell(&l->line, address, TEXT_ADDRESS);
	text_cell(&l->line, str_from(words_state(row->state, language)), TEXT_STATE);
	size_t from = l->line.len;
	format_time(row->since_us, language, &l->line);
	pad(&l->line, from, TEXT_SINCE);
	from = l->line.len;
	buf_appendf(&l->line, "%d", row->attempts);
	pad(&l->line, from, TEXT_ATTEMPTS);
	buf_appendf(&l->line, "%.*s\n", STR_ARG(row->reply));
	return put_line(l, err);
}

/* --state may be repeated, and may name several with commas between. */
static int parse_states(struct cli *cli, unsigned *states_out, struct err *err)
{
	const char *option;
	for (int n = 0; (option = args_option_at(&cli->args, "state", n)) != NULL; n++) {
		struct str rest = str_from(option);
		while (rest.len > 0) {
			struct str name = str_take_until(&rest, ',');
			enum recipient_state state = RECIPIENT_WAITING;
			if (str_equals(name, STR("sending")))
				state = RECIPIENT_LEASED;
			else if (recipient_state_parse(name, &state) != 0)
				return err_set(err, ERR_USAGE,
					       "there is no recipient state '%.*s'; there are: "
					       "waiting, sending, deferred, delivered, bounced, "
					       "rejected, blocked, expired, suppressed, "
					       "cancelled, unknown",
					       STR_ARG(name));
			*states_out |= 1u << state;
		}
	}
	return 0;
}

static int list_recipients(struct listing *l, struct recipients_request *request, struct err *err)
{
	struct cli *cli = l->cli;
	bool is_csv = cli_flag(cli, "csv");
	request->owner = l;
	request->on_row = is_csv ? csv_row : cli->wants_json ? json_row : text_row;
	if (is_csv)
		cli_printf(cli, "\xEF\xBB\xBF"
				"address,state,since,until,attempts,class,cause,rule,mx,reply\r\n");
	else if (cli->wants_json)
		cli_printf(cli, "[");
	else if (text_head(l, err) != 0)
		return -1;
	if (recipients_stream(cli->db, request, err) != 0)
		return -1;
	if (!is_csv && cli->wants_json)
		cli_printf(cli, "\n]\n");
	return 0;
}

static int run_recipients(struct cli *cli, struct err *err)
{
	struct recipients_request request = {.states = 0};
	struct listing l = {.cli = cli, .is_first = true};
	if (cli_flag(cli, "csv") && cli->wants_json)
		return err_set(err, ERR_USAGE, "give --csv or --json, not both");
	if (parse_states(cli, &request.states, err) != 0 || cli_database(cli, err) == NULL ||
	    counts_find_campaign(cli->db, cli_arg(cli, 0), &request.campaign, err) != 0)
		return -1;
	buf_init(&l.line, ROW_MAX);
	int result = list_recipients(&l, &request, err);
	buf_done(&l.line);
	return result;
}

static const struct arg_option bounces_options[] = {
	{"campaign", "NAME", "of this campaign (default: of all)"},
	{"by", "WHAT", "also grouped by these of provider,source,campaign,hour (default: cause)"},
	{"samples", "N", "show up to N different replies of each cause (default 3)"},
	{"last", "TIME", "of the last so long: 7d, 2h (default: 7d; with --campaign: all of it)"},
	{NULL, NULL, NULL},
};

static const struct arg_option recipients_options[] = {
	{"state", "STATE …", "only who is in it"},
	{"csv", NULL, "as a CSV file, UTF-8, for a spreadsheet or an import"},
	{NULL, NULL, NULL},
};

static const struct arg_option replies_options[] = {
	{"unmatched", NULL, "only replies that no rule knows"},
	{"last", "TIME", "of the last so long: 7d, 2h (default: 7d)"},
	{NULL, NULL, NULL},
};

const struct cli_verb report_verbs[] = {
	{.noun = "report",
	 .verb = "campaign",
	 .synopsis = "NAME",
	 .min_args = 1,
	 .max_args = 1,
	 .summary = "What became of everybody: states, providers, sources, causes",
	 .examples = "    edm report campaign spring\n"
		     "    edm report campaign spring --json",
	 .takes_json = true,
	 .run = run_campaign},
	{.noun = "report",
	 .verb = "bounces",
	 .synopsis = "",
	 .options = bounces_options,
	 .summary = "What was refused: causes, what servers said, what to do",
	 .examples = "    edm report bounces --campaign spring --by provider\n"
		     "    edm report bounces --by provider,source,hour --last 1d --lang zh\n"
		     "    edm report bounces --last 2h --by hour --json",
	 .takes_json = true,
	 .run = run_bounces},
	{.noun = "report",
	 .verb = "recipients",
	 .synopsis = "NAME",
	 .min_args = 1,
	 .max_args = 1,
	 .options = recipients_options,
	 .summary = "Who is in which state, a row each",
	 .examples = "    edm report recipients spring --state bounced --csv > bounced.csv\n"
		     "    edm report recipients spring --state deferred,unknown",
	 .takes_json = true,
	 .run = run_recipients},
	{.noun = "report",
	 .verb = "replies",
	 .synopsis = "",
	 .options = replies_options,
	 .summary = "What servers say, by volume, with the rule that judged it",
	 .examples = "    edm report replies --last 1d\n"
		     "    edm report replies --unmatched",
	 .takes_json = true,
	 .run = run_replies},
	{0},
};
