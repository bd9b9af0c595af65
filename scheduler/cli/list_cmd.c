/* SPDX-License-Identifier: MIT */
/* edm list: import, show, export, undo, remove. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lists/import.h"
#include "lists/view.h"
#include "scheduler/cli/file_private.h"
#include "scheduler/cli/report_private.h"
#include "scheduler/cli/time_text_private.h"
#include "scheduler/cli/verbs.h"

#define SHOWN_MAX 20 /* domains and imports of a list */

/* -------------------------------------------------------------------------------------- import */

static void on_progress(void *ctx, enum import_phase phase, uint64_t done, uint64_t total)
{
	struct cli *cli = ctx;
	switch (phase) {
	case IMPORT_WAITING:
		cli_progress(cli, "waiting for another import", 0, 0);
		break;
	case IMPORT_READING:
		cli_progress(cli, "reading", (int64_t)done, (int64_t)total);
		break;
	case IMPORT_MERGING:
		cli_progress(cli, "merging", 1, 1);
		break;
	}
}

static int print_import_json(struct cli *cli, const struct import_result *r,
			     const struct reading *reading)
{
	json_t *o = json_object();
	json_object_set_new(o, "import_id",
			    r->import_id != 0 ? json_integer(r->import_id) : json_null());
	json_object_set_new(o, "list", json_string(cli_option(cli, "list")));
	json_object_set_new(o, "list_made", json_boolean(r->list_made));
	json_object_set_new(o, "dry_run", json_boolean(cli_flag(cli, "dry-run")));
	json_object_set_new(o, "rows", json_integer((json_int_t)r->rows));
	json_object_set_new(o, "added", json_integer((json_int_t)r->added));
	json_object_set_new(o, "updated", json_integer((json_int_t)r->updated));
	json_object_set_new(o, "unchanged", json_integer((json_int_t)r->unchanged));
	json_object_set_new(o, "duplicates", json_integer((json_int_t)r->duplicates));
	json_object_set_new(o, "refused", json_integer((json_int_t)r->refused));
	json_object_set_new(o, "refused_file", file_refused_json(reading));
	json_object_set_new(o, "kept_out", json_integer((json_int_t)r->kept_out));
	json_object_set_new(o, "suppressed", json_integer((json_int_t)r->suppressed));
	return cli_print_json(cli, o);
}

static void print_count(struct cli *cli, const char *what, uint64_t n, const char *words)
{
	char number[32];
	if (n > 0)
		cli_printf(cli, "  %12s %s%s\n", cli_number((int64_t)n, number, sizeof(number)),
			   what, words);
}

static int print_import(struct cli *cli, const struct import_result *r,
			const struct reading *reading)
{
	char number[32];
	const char *list = cli_option(cli, "list");
	cli_printf(cli, REPORT_SAY(cli, "%s %s into list %s%s%s\n", "%s %s导入名单 %s%s%s\n"),
		   cli_number((int64_t)r->rows, number, sizeof(number)),
		   REPORT_SAY(cli, plural((int64_t)r->rows, "row", "rows"), "行"), list,
		   r->list_made ? REPORT_SAY(cli, " (new)", "（新建）") : "",
		   cli_flag(cli, "dry-run")
			   ? REPORT_SAY(cli, ": this was a dry run, nothing was changed",
					"：仅试运行，未做任何更改")
			   : "");
	print_count(cli, REPORT_SAY(cli, "added", "新增"), r->added, "");
	print_count(cli, REPORT_SAY(cli, "updated", "更新"), r->updated, "");
	print_count(cli, REPORT_SAY(cli, "unchanged", "未变"), r->unchanged, "");
	print_count(
		cli,
		REPORT_SAY(cli, plural((int64_t)r->duplicates, "duplicate", "duplicates"), "重复"),
		r->duplicates,
		REPORT_SAY(cli,
			   " (the address stood in another row; empty cells took nothing away)",
			   "（地址在另一行出现过；空单元格不会清除已有的值）"));
	print_count(cli, REPORT_SAY(cli, "refused", "拒绝"), r->refused, "");
	print_count(cli, REPORT_SAY(cli, "kept out", "未加入"), r->kept_out,
		    REPORT_SAY(cli, " (unsubscribed, complained or erased)",
			       "（已退订、投诉或删除资料）"));
	print_count(cli, REPORT_SAY(cli, "suppressed", "已抑制"), r->suppressed,
		    REPORT_SAY(cli, " (members now, but they get nothing: edm suppress check)",
			       "（已是成员，但不会收到邮件：edm suppress check）"));
	file_print_refused(cli, reading);
	if (r->import_id != 0)
		cli_printf(cli,
			   REPORT_SAY(cli, "to take it back: edm list undo %d\n",
				      "撤销本次导入：edm list undo %d\n"),
			   r->import_id);
	return 0;
}

static int import(struct cli *cli, struct reading *reading, enum import_mode mode, struct err *err)
{
	struct import_result result;
	const struct import_request request = {
		.list = cli_option(cli, "list"),
		.file = file_name(cli),
		.mode = mode,
		.consent = cli_option(cli, "consent"),
		.is_dry_run = cli_flag(cli, "dry-run"),
		.actor = file_actor(cli),
		.on_progress = on_progress,
		.ctx = cli,
	};
	int done = import_run(cli->db, reading, &request, &result, err);
	cli_progress_end(cli);
	if (done != 0)
		return -1;
	return cli->wants_json ? print_import_json(cli, &result, reading)
			       : print_import(cli, &result, reading);
}

static int run_import(struct cli *cli, struct err *err)
{
	const char *list = cli_option(cli, "list");
	const char *update = cli_option(cli, "update");
	enum import_mode mode = IMPORT_MERGE;
	struct reading *reading;
	char what[256];
	if (list == NULL)
		return err_set(err, ERR_USAGE, "into which list? Give --list L");
	if (update != NULL && import_mode_parse(str_from(update), &mode) != 0)
		return err_set(err, ERR_USAGE, "--update is merge, replace or keep, not '%s'",
			       update);
	snprintf(what, sizeof(what), "Importing %s into list %s", file_shown_name(cli), list);
	if (lists_check_name(list, err) != 0 || cli_database(cli, err) == NULL ||
	    file_open(cli, what, &reading, err) != 0)
		return -1;
	int result = import(cli, reading, mode, err);
	reading_close(reading);
	return result;
}

/* ---------------------------------------------------------------------------------------- show */

static json_t *json_count(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *list_json(const struct view_list *l)
{
	json_t *o = json_object();
	json_object_set_new(o, "name", json_of_str(l->name));
	json_object_set_new(o, "subscribed", json_count(l->subscribed));
	json_object_set_new(o, "unsubscribed", json_count(l->unsubscribed));
	json_object_set_new(o, "complained", json_count(l->complained));
	json_object_set_new(o, "imports", json_count(l->imports));
	json_object_set_new(o, "created_by", json_of_str(l->created_by));
	json_object_set_new(o, "created_at", time_json(l->created_at_us));
	return o;
}

static json_t *import_json(const struct view_import *i)
{
	json_t *o = json_object();
	json_object_set_new(o, "import_id", json_integer(i->import_id));
	json_object_set_new(o, "file", json_of_str(i->file));
	json_object_set_new(o, "encoding", json_of_str(i->encoding));
	json_object_set_new(o, "rows", json_count(i->rows));
	json_object_set_new(o, "added", json_count(i->added));
	json_object_set_new(o, "updated", json_count(i->updated));
	json_object_set_new(o, "refused", json_count(i->refused));
	json_object_set_new(o, "kept_out", json_count(i->kept_out));
	json_object_set_new(o, "imported_by", json_of_str(i->imported_by));
	json_object_set_new(o, "imported_at", time_json(i->imported_at_us));
	json_object_set_new(o, "undone_at", time_json(i->undone_at_us));
	return o;
}

static json_t *one_list_json(const struct view *v)
{
	json_t *o = list_json(&v->lists[0]);
	json_t *domains = json_array(), *attributes = json_array(), *imports = json_array();
	for (size_t i = 0; i < v->domain_count; i++)
		json_array_append_new(domains,
				      json_pack("{s:o, s:o, s:o}", "name",
						json_of_str(v->domains[i].name), "members",
						json_count(v->domains[i].members), "provider",
						json_of_text_or_null(v->domains[i].provider)));
	for (size_t i = 0; i < v->attribute_count; i++)
		json_array_append_new(attributes,
				      json_pack("{s:o, s:o}", "name",
						json_of_str(v->attributes[i].name), "members",
						json_count(v->attributes[i].members)));
	for (size_t i = 0; i < v->import_count; i++)
		json_array_append_new(imports, import_json(&v->imports[i]));
	json_object_set_new(o, "domains", domains);
	json_object_set_new(o, "attributes", attributes);
	json_object_set_new(o, "import_list", imports);
	return o;
}

static void print_lists(struct cli *cli, const struct view *v)
{
	char number[32], left[32];
	struct table t;
	table_init(&t, REPORT_SAY(cli, "NAME|SUBSCRIBED|LEFT|IMPORTS", "名单|订阅|退订|导入次数"));
	for (size_t i = 0; i < v->list_count; i++) {
		const struct view_list *l = &v->lists[i];
		uint64_t gone = l->unsubscribed + l->complained;
		table_str(&t, l->name);
		table_cell(&t, "%s", cli_number((int64_t)l->subscribed, number, sizeof(number)));
		table_cell(&t, "%s", cli_number((int64_t)gone, left, sizeof(left)));
		table_cell(&t, "%llu", (unsigned long long)l->imports);
	}
	table_print(&t, cli,
		    REPORT_SAY(cli,
			       "There is no list yet. Make one: edm list import FILE --list NAME",
			       "还没有名单。新建：edm list import FILE --list NAME"));
}

/* Where it came from: a file, or "standard input". */
static void file_cell(const struct cli *cli, struct table *t, struct str file)
{
	bool is_input = str_equals(file, STR("standard input"));
	table_str_or_dash(t, is_input && cli->is_chinese ? STR("标准输入") : file);
}

static void print_imports(struct cli *cli, const struct view *v)
{
	char number[32];
	struct table t;
	table_init(&t, REPORT_SAY(cli, "IMPORT|FILE|ENCODING|ADDED|UPDATED|REFUSED|WHEN|BY",
				  "导入|文件|编码|新增|更新|拒绝|时间|操作人"));
	for (size_t k = 0; k < v->import_count; k++) {
		const struct view_import *i = &v->imports[k];
		table_cell(&t, "%d%s", i->import_id,
			   i->undone_at_us != 0 ? REPORT_SAY(cli, " (undone)", "（已撤销）") : "");
		file_cell(cli, &t, i->file);
		table_str_or_dash(&t, i->encoding);
		table_cell(&t, "%s", cli_number((int64_t)i->added, number, sizeof(number)));
		table_cell(&t, "%s", cli_number((int64_t)i->updated, number, sizeof(number)));
		table_cell(&t, "%s", cli_number((int64_t)i->refused, number, sizeof(number)));
		report_time(&t, i->imported_at_us, report_language(cli));
		table_str(&t, i->imported_by);
	}
	table_print(&t, cli, REPORT_SAY(cli, "no import", "没有导入记录"));
}

static void print_one_list(struct cli *cli, const struct view *v)
{
	const struct view_list *l = &v->lists[0];
	char number[32];
	cli_printf(cli, REPORT_SAY(cli, "%.*s: %s subscribed", "%.*s：订阅 %s"), STR_ARG(l->name),
		   cli_number((int64_t)l->subscribed, number, sizeof(number)));
	cli_printf(cli, REPORT_SAY(cli, ", %s unsubscribed", "，退订 %s"),
		   cli_number((int64_t)l->unsubscribed, number, sizeof(number)));
	cli_printf(cli, REPORT_SAY(cli, ", %s complained\n", "，投诉 %s\n"),
		   cli_number((int64_t)l->complained, number, sizeof(number)));
	for (size_t i = 0; i < v->attribute_count; i++)
		cli_printf(cli, "%s{{ %.*s }} %s",
			   i > 0 ? REPORT_SAY(cli, ", ", "，")
				 : REPORT_SAY(cli, "attributes: ", "属性："),
			   STR_ARG(v->attributes[i].name),
			   cli_number((int64_t)v->attributes[i].members, number, sizeof(number)));
	cli_printf(cli, "%s\n", v->attribute_count > 0 ? "\n" : "");
	struct table t;
	table_init(&t, REPORT_SAY(cli, "DOMAIN|MEMBERS|PROVIDER", "收件域名|成员|服务商"));
	for (size_t i = 0; i < v->domain_count; i++) {
		table_str(&t, v->domains[i].name);
		table_cell(&t, "%s",
			   cli_number((int64_t)v->domains[i].members, number, sizeof(number)));
		table_str_or_dash(&t, v->domains[i].provider);
	}
	table_print(&t, cli, REPORT_SAY(cli, "no member", "没有成员"));
	cli_printf(cli, "\n");
	print_imports(cli, v);
}

static int run_show(struct cli *cli, struct err *err)
{
	const char *name = cli_arg(cli, 0);
	struct view v = {0};
	if (cli_database(cli, err) == NULL)
		return -1;
	int result = view_load(cli->db, name, SHOWN_MAX, &v, err);
	if (result == 0 && cli->wants_json && name != NULL) {
		result = cli_print_json(cli, one_list_json(&v));
	} else if (result == 0 && cli->wants_json) {
		json_t *array = json_array();
		for (size_t i = 0; i < v.list_count; i++)
			json_array_append_new(array, list_json(&v.lists[i]));
		result = cli_print_json(cli, array);
	} else if (result == 0 && name != NULL) {
		print_one_list(cli, &v);
	} else if (result == 0) {
		print_lists(cli, &v);
	}
	view_done(&v);
	return result;
}

/* ------------------------------------------------------------------------ export, undo, remove */

static int run_export(struct cli *cli, struct err *err)
{
	const char *path = cli_option(cli, "output");
	uint64_t members = 0;
	char number[32];
	if (cli_database(cli, err) == NULL)
		return -1;
	FILE *out = path != NULL ? fopen(path, "wb") : cli->out;
	if (out == NULL)
		return err_errno(err, errno, "cannot write %s", path);
	int result = view_export(cli->db, cli_arg(cli, 0), out, &members, err);
	if (path != NULL && fclose(out) != 0 && result == 0)
		result = err_errno(err, errno, "cannot write %s", path);
	if (path != NULL && result != 0)
		(void)remove(path);
	if (path != NULL && result == 0)
		cli_printf(cli, REPORT_SAY(cli, "%s: %s %s of list %s\n", "%s：%s %s，名单 %s\n"),
			   path, cli_number((int64_t)members, number, sizeof(number)),
			   REPORT_SAY(cli, plural((int64_t)members, "member", "members"), "名成员"),
			   cli_arg(cli, 0));
	return result;
}

static int run_undo(struct cli *cli, struct err *err)
{
	int64_t id;
	struct import_undone undone;
	const struct lists_actor actor = file_actor(cli);
	if (str_to_i64(str_from(cli_arg(cli, 0)), &id) != 0 || id < 1 || id > INT32_MAX)
		return err_set(err, ERR_USAGE,
			       "'%s' is no import: edm list show LIST has their numbers",
			       cli_arg(cli, 0));
	if (cli_database(cli, err) == NULL || import_check_undo(cli->db, (int32_t)id, err) != 0 ||
	    cli_confirm(cli, err, "Taking import %lld back", (long long)id) != 0 ||
	    import_undo(cli->db, (int32_t)id, &actor, &undone, err) != 0)
		return -1;
	if (cli->wants_json)
		return cli_print_json(cli, json_pack("{s:o, s:o, s:o, s:o}", "removed",
						     json_count(undone.removed), "restored",
						     json_count(undone.restored), "later",
						     json_count(undone.later), "left_list",
						     json_count(undone.left_list)));
	const char *alone = REPORT_SAY(cli, "left alone", "未动");
	cli_printf(cli, REPORT_SAY(cli, "import %lld is taken back\n", "导入 %lld 已撤销\n"),
		   (long long)id);
	print_count(cli, REPORT_SAY(cli, "members removed", "移除成员"), undone.removed, "");
	print_count(cli, REPORT_SAY(cli, "members as they were before", "恢复原状的成员"),
		    undone.restored, "");
	print_count(cli, alone, undone.later,
		    REPORT_SAY(cli, ": a later import changed them", "：之后的导入改过"));
	print_count(
		cli, alone, undone.left_list,
		REPORT_SAY(cli, ": they unsubscribed or complained since", "：之后已退订或投诉"));
	return 0;
}

/* How many members the list has, to ask with. */
static int count_members(struct cli *cli, uint64_t *count_out, struct err *err)
{
	struct view v = {0};
	int result = view_load(cli->db, cli_arg(cli, 0), 1, &v, err);
	if (result == 0)
		*count_out =
			v.lists[0].subscribed + v.lists[0].unsubscribed + v.lists[0].complained;
	view_done(&v);
	return result;
}

static int run_remove(struct cli *cli, struct err *err)
{
	const struct lists_actor actor = file_actor(cli);
	const char *name = cli_arg(cli, 0);
	uint64_t members = 0;
	char number[32];
	if (cli_database(cli, err) == NULL || count_members(cli, &members, err) != 0 ||
	    cli_confirm(cli, err, "Removing list %s with its %s %s", name,
			cli_number((int64_t)members, number, sizeof(number)),
			plural((int64_t)members, "member", "members")) != 0 ||
	    lists_remove(cli->db, name, &actor, &members, err) != 0)
		return -1;
	if (cli->wants_json)
		return cli_print_json(cli, json_pack("{s:s, s:b, s:o}", "name", name, "removed", 1,
						     "members", json_count(members)));
	cli_printf(cli,
		   REPORT_SAY(cli, "list %s is removed with its %s %s; suppressions stay\n",
			      "名单 %s 及其 %s %s已移除；抑制名单不变\n"),
		   name, cli_number((int64_t)members, number, sizeof(number)),
		   REPORT_SAY(cli, plural((int64_t)members, "member", "members"), "名成员"));
	return 0;
}

static const struct arg_option import_options[] = {
	{"list", "L", "into this list; made if it is not there"},
	FILE_OPTIONS,
	{"update", "merge|replace|keep",
	 "members already there: add the file's values (merge, the default), drop attributes the "
	 "file lacks too, or leave them alone"},
	{"consent", "TEXT", "where consent comes from; kept with each member"},
	{NULL, NULL, NULL},
};

static const struct arg_option export_options[] = {
	{"output", "FILE", "write there instead of standard output"},
	{NULL, NULL, NULL},
};

const struct cli_verb list_verbs[] = {
	{.noun = "list",
	 .verb = "import",
	 .synopsis = "FILE|-",
	 .min_args = 1,
	 .max_args = 1,
	 .options = import_options,
	 .summary = "Read people from a CSV file into a list",
	 .examples = "    edm list import people.csv --list customers\n"
		     "    edm list import 名单.csv --list customers --map 邮箱=email,备注=- "
		     "--consent 'shop 2026'\n"
		     "    edm list import people.csv --list customers --dry-run",
	 .takes_json = true,
	 .changes = true,
	 .asks = true,
	 .run = run_import},
	{.noun = "list",
	 .verb = "show",
	 .synopsis = "[NAME]",
	 .max_args = 1,
	 .summary = "List lists, or show what one is made of",
	 .examples = "    edm list show\n"
		     "    edm list show customers --json",
	 .takes_json = true,
	 .run = run_show},
	{.noun = "list",
	 .verb = "export",
	 .synopsis = "NAME",
	 .min_args = 1,
	 .max_args = 1,
	 .options = export_options,
	 .summary = "Write the members of a list as CSV",
	 .examples = "    edm list export customers > customers.csv",
	 .run = run_export},
	{.noun = "list",
	 .verb = "undo",
	 .synopsis = "ID",
	 .min_args = 1,
	 .max_args = 1,
	 .summary = "Take an import back",
	 .examples = "    edm list undo 7",
	 .takes_json = true,
	 .changes = true,
	 .asks = true,
	 .run = run_undo},
	{.noun = "list",
	 .verb = "remove",
	 .synopsis = "NAME",
	 .min_args = 1,
	 .max_args = 1,
	 .summary = "Remove a list with its memberships",
	 .examples = "    edm list remove customers",
	 .takes_json = true,
	 .changes = true,
	 .asks = true,
	 .run = run_remove},
	{0},
};
