/* SPDX-License-Identifier: MIT */
/* edm suppress: add, remove, check, import, undo. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/clock.h"
#include "lists/suppression.h"
#include "scheduler/campaign/schedule.h"
#include "scheduler/cli/file_private.h"
#include "scheduler/cli/report_private.h"
#include "scheduler/cli/verbs.h"

#define CAUSES "bounced, unsubscribed, complained, operator, imported or erased"

static int read_cause(const struct cli *cli, enum suppression_cause *out, struct err *err)
{
	const char *text = cli_option(cli, "cause");
	if (text == NULL || suppression_cause_parse(str_from(text), out) == 0)
		return 0;
	return err_set(err, ERR_USAGE, "--cause is " CAUSES ", not '%s'", text);
}

static size_t read_addresses(const struct cli *cli, struct str out[ARGS_MAX_POSITIONAL])
{
	size_t count = 0;
	for (const char *text; (text = cli_arg(cli, (int)count)) != NULL; count++)
		out[count] = str_from(text);
	return count;
}

/* What add and import have in common. */
static int read_change(const struct cli *cli, enum suppression_cause cause,
		       struct suppression_change *out, struct err *err)
{
	int64_t for_ms = 0;
	*out = (struct suppression_change){.list = cli_option(cli, "list"),
					   .cause = cause,
					   .note = cli_option(cli, "note"),
					   .actor = file_actor(cli)};
	if (read_cause(cli, &out->cause, err) != 0 ||
	    args_duration(&cli->args, "for", &for_ms, err) != 0)
		return -1;
	if (for_ms > 0)
		out->until_us = clock_wall_us() + for_ms * 1000;
	return 0;
}

static int run_add(struct cli *cli, struct err *err)
{
	struct str addresses[ARGS_MAX_POSITIONAL];
	struct suppression_change change;
	uint64_t added = 0;
	if (read_change(cli, SUPPRESSION_OPERATOR, &change, err) != 0)
		return -1;
	change.addresses = addresses;
	change.address_count = read_addresses(cli, addresses);
	if (cli_database(cli, err) == NULL || suppression_add(cli->db, &change, &added, err) != 0)
		return -1;
	if (cli->wants_json)
		return cli_print_json(cli,
				      json_pack("{s:I, s:I}", "added", (json_int_t)added, "already",
						(json_int_t)(change.address_count - added)));
	cli_printf(cli, REPORT_SAY(cli, "%llu suppressed%s%s", "已抑制 %llu 个地址（%s%s）"),
		   (unsigned long long)added,
		   change.list ? REPORT_SAY(cli, " for list ", "名单 ")
			       : REPORT_SAY(cli, " everywhere", "全局"),
		   change.list ? change.list : "");
	if (change.address_count > added)
		cli_printf(cli, REPORT_SAY(cli, ", %llu were so already", "，%llu 个此前已抑制"),
			   (unsigned long long)(change.address_count - added));
	cli_printf(cli, REPORT_SAY(cli, "; running nodes know it within a second\n",
				   "；运行中的节点一秒内生效\n"));
	return 0;
}

/* -------------------------------------------------------------------------------- remove, undo */

/* What is said where nothing fits, and of the span that was asked for. */
struct wording {
	const char *none, *span;
};

static int remove_what_fits(struct cli *cli, const struct suppression_filter *filter,
			    const struct wording *wording, struct err *err)
{
	const struct lists_actor actor = file_actor(cli);
	uint64_t count = 0;
	char number[32];
	if (suppression_count(cli->db, filter, &count, err) != 0)
		return -1;
	if (count == 0)
		return err_set(err, ERR_NOT_FOUND, "no suppression fits: %s", wording->none);
	if (cli_confirm(cli, err, "Taking %s %s back%s",
			cli_number((int64_t)count, number, sizeof(number)),
			plural((int64_t)count, "suppression", "suppressions"),
			wording->span) != 0 ||
	    suppression_remove(cli->db, filter, &actor, &count, err) != 0)
		return -1;
	if (cli->wants_json)
		return cli_print_json(cli, json_pack("{s:I}", "removed", (json_int_t)count));
	cli_printf(cli, REPORT_SAY(cli, "%s %s taken back\n", "已撤销 %s %s\n"),
		   cli_number((int64_t)count, number, sizeof(number)),
		   REPORT_SAY(cli, plural((int64_t)count, "suppression is", "suppressions are"),
			      "条抑制"));
	return 0;
}

static int run_remove(struct cli *cli, struct err *err)
{
	struct str addresses[ARGS_MAX_POSITIONAL];
	struct suppression_filter filter = {.addresses = addresses,
					    .list = cli_option(cli, "list")};
	filter.address_count = read_addresses(cli, addresses);
	if (read_cause(cli, &filter.cause, err) != 0 || cli_database(cli, err) == NULL)
		return -1;
	const struct wording wording = {"see edm suppress check ADDRESS", ""};
	return remove_what_fits(cli, &filter, &wording, err);
}

static int read_time(struct cli *cli, const char *option, struct schedule_time *out,
		     struct err *err)
{
	const char *text = cli_option(cli, option);
	if (text != NULL &&
	    schedule_resolve(cli->db, str_from(text), report_zone(cli), out, err) != 0)
		return err_prefix(err, "--%s", option);
	return 0;
}

#define SPAN_MAX 256

/* Times are typed without a zone: the question says which was taken. */
static void say_span(const struct schedule_time *since, const struct schedule_time *before,
		     char out[SPAN_MAX])
{
	out[0] = '\0';
	if (since->at_us != 0 && before->at_us != 0)
		snprintf(out, SPAN_MAX, ", those since %s %s and before %s %s", since->wall,
			 since->zone, before->wall, before->zone);
	else if (since->at_us != 0)
		snprintf(out, SPAN_MAX, ", those since %s %s", since->wall, since->zone);
	else if (before->at_us != 0)
		snprintf(out, SPAN_MAX, ", those before %s %s", before->wall, before->zone);
}

static int run_undo(struct cli *cli, struct err *err)
{
	int64_t import_id = 0;
	struct schedule_time since = {.at_us = 0}, before = {.at_us = 0};
	char span[SPAN_MAX];
	struct suppression_filter filter = {.list = cli_option(cli, "list"),
					    .rule = cli_option(cli, "rule")};
	if (read_cause(cli, &filter.cause, err) != 0 ||
	    args_number(&cli->args, "import", ARG_RANGE(1, INT32_MAX), &import_id, err) != 0 ||
	    cli_database(cli, err) == NULL || read_time(cli, "since", &since, err) != 0 ||
	    read_time(cli, "before", &before, err) != 0)
		return -1;
	filter.since_us = since.at_us;
	filter.before_us = before.at_us;
	filter.import_id = (int32_t)import_id;
	if (filter.cause == SUPPRESSION_ANY && filter.rule == NULL && import_id == 0 &&
	    filter.since_us == 0 && filter.before_us == 0)
		return err_set(err, ERR_USAGE,
			       "which? Give --cause, --rule, --import, --since or --before");
	say_span(&since, &before, span);
	const struct wording wording = {"nothing was changed", span};
	return remove_what_fits(cli, &filter, &wording, err);
}

/* --------------------------------------------------------------------------------------- check */

static json_t *entry_json(const struct suppression_entry *e)
{
	json_t *o = json_object();
	json_object_set_new(o, "list", json_of_text_or_null(e->list));
	json_object_set_new(o, "cause", json_string(suppression_cause_name(e->cause)));
	json_object_set_new(o, "rule", json_of_text_or_null(e->rule));
	json_object_set_new(o, "note", json_of_text_or_null(e->note));
	json_object_set_new(o, "by", json_of_text_or_null(e->added_by));
	json_object_set_new(o, "at", time_json(e->at_us));
	json_object_set_new(o, "until", time_json(e->until_us));
	json_object_set_new(o, "import_id",
			    e->import_id != 0 ? json_integer(e->import_id) : json_null());
	return o;
}

static void print_entry(struct cli *cli, const struct suppression_entry *e)
{
	char when[TIME_TEXT_MAX];
	struct buf why;
	buf_init(&why, 1024);
	cli_printf(cli, REPORT_SAY(cli, "  %s%.*s: %s, since %s", "  %s%.*s：%s，自 %s"),
		   e->list.len > 0 ? REPORT_SAY(cli, "list ", "名单 ")
				   : REPORT_SAY(cli, "everywhere", "全局"),
		   STR_ARG(e->list), report_sentence(cli, suppression_cause_clause(e->cause), &why),
		   report_when(cli, e->at_us, when));
	if (e->until_us != 0)
		cli_printf(cli, REPORT_SAY(cli, ", until %s", "，至 %s"),
			   report_when(cli, e->until_us, when));
	if (e->added_by.len > 0)
		cli_printf(cli, REPORT_SAY(cli, ", by %.*s", "，操作人 %.*s"),
			   STR_ARG(e->added_by));
	if (e->rule.len > 0)
		cli_printf(cli, REPORT_SAY(cli, ", rule %.*s", "，规则 %.*s"), STR_ARG(e->rule));
	if (e->note.len > 0)
		cli_printf(cli, REPORT_SAY(cli, " (%.*s)", "（%.*s）"), STR_ARG(e->note));
	cli_printf(cli, "\n");
	buf_done(&why);
}

static int print_found(struct cli *cli, const struct suppression_found *found)
{
	if (cli->wants_json) {
		json_t *entries = json_array();
		for (size_t i = 0; i < found->count; i++)
			json_array_append_new(entries, entry_json(&found->entries[i]));
		return cli_print_json(cli, json_pack("{s:s, s:b, s:o}", "address", cli_arg(cli, 0),
						     "suppressed", found->count > 0, "entries",
						     entries));
	}
	cli_printf(cli, "%s %s\n", cli_arg(cli, 0),
		   found->count > 0 ? REPORT_SAY(cli, "is suppressed", "已被抑制")
				    : REPORT_SAY(cli, "is not suppressed", "未被抑制"));
	for (size_t i = 0; i < found->count; i++)
		print_entry(cli, &found->entries[i]);
	return 0;
}

static int run_check(struct cli *cli, struct err *err)
{
	struct suppression_found found = {0};
	if (cli_database(cli, err) == NULL)
		return -1;
	int result = suppression_check(cli->db, str_from(cli_arg(cli, 0)), &found, err);
	if (result == 0)
		result = print_found(cli, &found);
	suppression_found_done(&found);
	return result;
}

/* -------------------------------------------------------------------------------------- import */

static int report_import(struct cli *cli, const struct suppression_import_result *r,
			 const struct reading *reading)
{
	char rows[32], added[32], already[32];
	if (cli->wants_json)
		return cli_print_json(
			cli,
			json_pack("{s:i, s:I, s:I, s:I, s:I, s:o, s:b}", "import_id", r->import_id,
				  "rows", (json_int_t)r->rows, "added", (json_int_t)r->added,
				  "already", (json_int_t)r->already, "refused",
				  (json_int_t)r->refused, "refused_file",
				  file_refused_json(reading), "dry_run", cli_flag(cli, "dry-run")));
	cli_printf(cli,
		   REPORT_SAY(cli,
			      "%s %s: %s suppressed, %s so already or twice in the "
			      "file, %llu refused%s\n",
			      "%s %s：抑制 %s，此前已抑制或重复 %s，拒绝 %llu%s\n"),
		   cli_number((int64_t)r->rows, rows, sizeof(rows)),
		   REPORT_SAY(cli, plural((int64_t)r->rows, "row", "rows"), "行"),
		   cli_number((int64_t)r->added, added, sizeof(added)),
		   cli_number((int64_t)r->already, already, sizeof(already)),
		   (unsigned long long)r->refused,
		   cli_flag(cli, "dry-run")
			   ? REPORT_SAY(cli, ": this was a dry run, nothing was changed",
					"：仅试运行，未做任何更改")
			   : "");
	file_print_refused(cli, reading);
	if (r->import_id != 0)
		cli_printf(cli,
			   REPORT_SAY(cli, "to take it back: edm suppress undo --import %d\n",
				      "撤销本次导入：edm suppress undo --import %d\n"),
			   r->import_id);
	return 0;
}

static int run_import(struct cli *cli, struct err *err)
{
	struct suppression_import_request request = {.file = file_name(cli),
						     .is_dry_run = cli_flag(cli, "dry-run")};
	struct suppression_import_result result;
	char what[256];
	snprintf(what, sizeof(what), "Suppressing everybody in %s", file_shown_name(cli));
	if (read_change(cli, SUPPRESSION_IMPORTED, &request.change, err) != 0 ||
	    cli_database(cli, err) == NULL || file_open(cli, what, &request.reading, err) != 0)
		return -1;
	int done = suppression_import(cli->db, &request, &result, err);
	if (done == 0)
		done = report_import(cli, &result, request.reading);
	reading_close(request.reading);
	return done;
}

#define CHANGE_OPTIONS                                                                             \
	{"list", "L", "for this list only (default: everywhere)"},                                 \
		{"cause", "CAUSE", "why: " CAUSES}, {"note", "TEXT", "kept with it"},              \
	{                                                                                          \
		"for", "30d", "only that long (default: for good)"                                 \
	}

static const struct arg_option add_options[] = {
	CHANGE_OPTIONS,
	{NULL, NULL, NULL},
};

static const struct arg_option import_options[] = {
	CHANGE_OPTIONS,
	FILE_OPTIONS,
	{NULL, NULL, NULL},
};

static const struct arg_option remove_options[] = {
	{"list", "L", "of this list only"},
	{"cause", "CAUSE", "of this cause only"},
	{NULL, NULL, NULL},
};

static const struct arg_option undo_options[] = {
	{"cause", "CAUSE", "of this cause: " CAUSES},
	{"rule", "RULE", "made by this reply rule"},
	{"import", "ID", "made by this import"},
	{"list", "L", "of this list only"},
	{"since", "TIME", "made since then, as '2026-12-01 09:00'"},
	{"before", "TIME", "made before then"},
	{"tz", "ZONE", "the zone of these times (default: UTC, or Beijing's with --lang zh)"},
	{NULL, NULL, NULL},
};

const struct cli_verb suppress_verbs[] = {
	{.noun = "suppress",
	 .verb = "add",
	 .synopsis = "ADDRESS…",
	 .min_args = 1,
	 .max_args = ARGS_MAX_POSITIONAL,
	 .options = add_options,
	 .summary = "Send nothing more to these addresses",
	 .examples = "    edm suppress add wang@qq.com --note 'asked by phone'\n"
		     "    edm suppress add wang@qq.com --list customers --for 30d",
	 .takes_json = true,
	 .changes = true,
	 .run = run_add},
	{.noun = "suppress",
	 .verb = "remove",
	 .synopsis = "ADDRESS…",
	 .min_args = 1,
	 .max_args = ARGS_MAX_POSITIONAL,
	 .options = remove_options,
	 .summary = "Take the suppressions of these addresses back",
	 .examples = "    edm suppress remove wang@qq.com --cause bounced",
	 .takes_json = true,
	 .changes = true,
	 .asks = true,
	 .run = run_remove},
	{.noun = "suppress",
	 .verb = "check",
	 .synopsis = "ADDRESS",
	 .min_args = 1,
	 .max_args = 1,
	 .summary = "Say whether an address is suppressed, and why",
	 .examples = "    edm suppress check wang@qq.com",
	 .takes_json = true,
	 .run = run_check},
	{.noun = "suppress",
	 .verb = "import",
	 .synopsis = "FILE|-",
	 .min_args = 1,
	 .max_args = 1,
	 .options = import_options,
	 .summary = "Send nothing more to everybody in a file",
	 .examples = "    edm suppress import unsubscribed.csv --cause unsubscribed",
	 .takes_json = true,
	 .changes = true,
	 .asks = true,
	 .run = run_import},
	{.noun = "suppress",
	 .verb = "undo",
	 .options = undo_options,
	 .summary = "Take suppressions back by cause, rule, import or time",
	 .examples = "    edm suppress undo --import 7\n"
		     "    edm suppress undo --cause bounced --rule qq.550.full --since "
		     "'2026-12-01 09:00' --tz Asia/Shanghai",
	 .takes_json = true,
	 .changes = true,
	 .asks = true,
	 .run = run_undo},
	{0},
};
