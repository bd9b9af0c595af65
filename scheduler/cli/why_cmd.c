/* SPDX-License-Identifier: MIT */
/* `edm why`: the one sentence about a recipient, a campaign or a lane, and what it is drawn from.
 */
#include "scheduler/report/why.h"

#include <string.h>

#include "lists/suppression.h"
#include "scheduler/cli/report_private.h"
#include "scheduler/cli/steer_private.h"
#include "scheduler/cli/verbs.h"
#include "scheduler/report/counts.h"
#include "scheduler/report/lane_say.h"

#define SCOPE_MAX 2048

static void cause_cell(const struct cli *cli, struct table *t, const char *name)
{
	enum suppression_cause cause;
	struct buf text;
	buf_init(&text, REPORT_SENTENCE_MAX);
	if (cli->is_chinese && suppression_cause_parse(str_from(name), &cause) == 0)
		name = report_sentence(cli, suppression_cause_clause(cause), &text);
	table_str(t, str_from(name));
	buf_done(&text);
}

static void print_suppressions(struct cli *cli, const json_t *document)
{
	struct table t;
	size_t i;
	json_t *entry;
	const json_t *entries = json_object_get(document, "suppressions");
	if (json_array_size(entries) == 0)
		return;
	cli_printf(cli, "\n");
	table_init(&t, REPORT_SAY(cli, "SUPPRESSED IN|FOR|SINCE|BY|NOTE",
				  "抑制范围|原因|自|操作人|备注"));
	json_array_foreach(entries, i, entry)
	{
		const char *list = document_text(entry, "list");
		table_str(&t, str_from(list[0] ? list : REPORT_SAY(cli, "everywhere", "全部")));
		cause_cell(cli, &t, document_text(entry, "suppressed_for"));
		report_time(&t, document_int(entry, "since"), report_language(cli));
		table_str_or_dash(&t, str_from(document_text(entry, "added_by")));
		table_str_or_dash(&t, str_from(document_text(entry, "note")));
	}
	table_print(&t, cli, "");
}

static void print_history(struct cli *cli, const json_t *campaign)
{
	struct table t;
	size_t i;
	json_t *attempt;
	const json_t *history = json_object_get(campaign, "history");
	if (json_array_size(history) == 0)
		return;
	table_init(&t, REPORT_SAY(cli, "  WHEN|RESULT|FROM|TO|REPLY|MEANING",
				  "  时间|结果|发信源|目的|回复|含义"));
	json_array_foreach(history, i, attempt)
	{
		enum outcome_class klass = (enum outcome_class)document_int(attempt, "class");
		report_time(&t, document_int(attempt, "at"), report_language(cli));
		table_str(&t, str_from(words_class(klass, report_language(cli))));
		table_str_or_dash(&t, str_from(document_text(attempt, "source")));
		table_str_or_dash(&t, str_from(document_text(attempt, "mx")));
		table_str_or_dash(&t, str_from(document_text(attempt, "reply")));
		table_str(&t, str_from(document_text(attempt, "meaning")));
	}
	table_print(&t, cli, "");
}

static void print_address(struct cli *cli, const json_t *document)
{
	size_t i;
	json_t *campaign;
	const json_t *campaigns = json_object_get(document, "campaigns");
	if (json_array_size(campaigns) == 0)
		cli_printf(cli, "%s\n", document_text(document, "sentence"));
	json_array_foreach(campaigns, i, campaign)
	{
		cli_printf(cli, "%s%s\n", i > 0 ? "\n" : "", document_text(campaign, "sentence"));
		print_history(cli, campaign);
	}
	print_suppressions(cli, document);
}

static void print_campaign(struct cli *cli, const json_t *document)
{
	struct table t;
	size_t i;
	json_t *group;
	const json_t *groups = json_object_get(document, "groups");
	cli_printf(cli, "%s\n", document_text(document, "sentence"));
	if (json_array_size(groups) == 0)
		return;
	cli_printf(cli, "\n");
	table_init(&t,
		   REPORT_SAY(cli, "GROUP|WAITING|SENDING|HELD BY", "分组|等待|发送中|受阻原因"));
	json_array_foreach(groups, i, group)
	{
		table_str(&t, str_from(document_text(group, "name")));
		report_number(&t, document_int(group, "waiting"));
		report_number(&t, document_int(group, "leased"));
		table_str_or_dash(&t, str_from(document_text(group, "hold")));
	}
	table_print(&t, cli, "");
}

static const char *kind_of(const struct cli *cli, const char *kind)
{
	static const char *const names[][2] = {{"connections", "连接数"},
					       {"new-connections", "新连接"},
					       {"rate", "邮件"},
					       {"messages-per-connection", "每连接邮件"}};
	for (size_t i = 0; cli->is_chinese && i < ARRAY_LEN(names); i++)
		if (strcmp(names[i][0], kind) == 0)
			return names[i][1];
	return kind;
}

static void scope_cell(const struct cli *cli, struct table *t, const json_t *limit)
{
	struct buf text;
	buf_init(&text, SCOPE_MAX);
	lane_say_applies(report_language(cli), limit, &text);
	table_str(t, buf_str(&text));
	buf_done(&text);
}

static void print_lane(struct cli *cli, const json_t *document)
{
	struct table t;
	size_t i;
	json_t *limit;
	const json_t *limits = json_object_get(document, "limits");
	cli_printf(cli, "%s\n", document_text(document, "sentence"));
	if (json_array_size(limits) == 0)
		return;
	cli_printf(cli, "\n");
	table_init(&t, REPORT_SAY(cli, "APPLIES TO|LIMIT|NUMBER|EACH|BY|BECAUSE",
				  "适用于|限制|数值|每|操作人|原因"));
	json_array_foreach(limits, i, limit)
	{
		char span[64] = "-";
		int64_t period_ms = document_int(limit, "period_ms");
		if (period_ms > 0)
			snprintf(span, sizeof(span), REPORT_SAY(cli, "%lld s", "%lld 秒"),
				 (long long)(period_ms / 1000));
		scope_cell(cli, &t, limit);
		table_str(&t, str_from(kind_of(cli, document_text(limit, "kind"))));
		report_number(&t, document_int(limit, "value"));
		table_str(&t, str_from(span));
		table_str_or_dash(&t, str_from(document_text(limit, "set_by")));
		table_str_or_dash(&t, str_from(document_text(limit, "because")));
	}
	table_print(&t, cli, "");
}

static int finish(struct cli *cli, json_t *document, void (*print)(struct cli *, const json_t *))
{
	if (document == NULL)
		return -1;
	if (report_is_json(cli, document))
		return 0;
	print(cli, document);
	json_decref(document);
	return 0;
}

/* What nobody has mail for now may be no lane at all. */
static json_t *lane_of(struct cli *cli, const char *name, struct err *err)
{
	struct ip_pool_snapshot *s = NULL;
	if (steer_load(cli, &s, err) != 0)
		return NULL;
	json_t *lane = NULL;
	if (steer_check_lane(cli, s, str_from(name), err) == 0)
		lane = why_lane(cli->db, name, s, report_language(cli), err);
	ip_pool_snapshot_drop(s);
	return lane;
}

/* An @ makes it an address; else a campaign of that name comes before a lane. */
static int run_why(struct cli *cli, struct err *err)
{
	const char *what = cli_arg(cli, 0), *campaign = cli_option(cli, "campaign");
	enum language language = report_language(cli);
	struct pg_blocking *db = cli_database(cli, err);
	struct err ignored;
	int32_t id;
	if (db == NULL)
		return -1;
	if (strchr(what, '@') != NULL)
		return finish(cli, why_address(db, what, campaign, language, err), print_address);
	if (campaign != NULL)
		return err_set(err, ERR_USAGE, "--campaign goes with an address, and '%s' is none",
			       what);
	if (strchr(what, '/') != NULL && counts_find_campaign(db, what, &id, &ignored) != 0)
		return finish(cli, lane_of(cli, what, err), print_lane);
	return finish(cli, why_campaign(db, what, language, err), print_campaign);
}

static const struct arg_option why_options[] = {
	{"campaign", "NAME", "of an address: only in this campaign (default: the latest ten)"},
	{NULL, NULL, NULL},
};

const struct cli_verb why_verbs[] = {
	{.noun = "why",
	 .synopsis = "ADDRESS|CAMPAIGN|LANE",
	 .min_args = 1,
	 .max_args = 1,
	 .options = why_options,
	 .summary = "Why it is where it is, since when and until when",
	 .examples = "    edm why li@qq.com\n"
		     "    edm why li@qq.com --campaign spring --json\n"
		     "    edm why spring\n"
		     "    edm why mx1/qq",
	 .takes_json = true,
	 .run = run_why},
	{0},
};
