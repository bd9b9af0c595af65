/* SPDX-License-Identifier: MIT */
/* edm campaign forecast: when it will be through, per provider, and what binds. */
#include <stdlib.h>
#include <string.h>

#include "engine/base/must.h"
#include "scheduler/cli/campaign_private.h"
#include "scheduler/cli/report_private.h"
#include "scheduler/cli/settings_private.h"
#include "scheduler/report/forecast.h"
#include "scheduler/report/format.h"
#include "scheduler/settings.h"

#define TEXT_MAX 4096

static bool assumes(const json_t *forecast, const char *what)
{
	size_t i;
	json_t *one;
	json_array_foreach(json_object_get(forecast, "assumes"), i, one)
	{
		if (strcmp(json_string_value(one), what) == 0)
			return true;
	}
	return false;
}

/* A time, or that it never comes. */
static void put_time(struct cli *cli, const json_t *object, const char *key, struct buf *out)
{
	if (json_is_null(json_object_get(object, key)))
		buf_append_cstr(out, REPORT_SAY(cli, "never", "永不"));
	else
		format_time(document_int(object, key), report_language(cli), out);
}

/* " (in 2 h 5 min)" */
static void put_span(struct cli *cli, const json_t *forecast, int64_t at_us, struct buf *out)
{
	int64_t now_us = document_int(forecast, "now_at");
	if (at_us <= now_us)
		return;
	buf_append_cstr(out, REPORT_SAY(cli, " (in ", "（还有 "));
	format_span((at_us - now_us) / 1000, report_language(cli), out);
	buf_append_cstr(out, REPORT_SAY(cli, ")", "）"));
}

static void print_head(struct cli *cli, const json_t *forecast)
{
	struct buf line;
	buf_init(&line, TEXT_MAX);
	enum language language = report_language(cli);
	enum campaign_state state = CAMPAIGN_DRAFT;
	int known = campaign_state_parse(str_from(document_text(forecast, "state")), &state);
	must(known == 0);
	buf_appendf(&line, REPORT_SAY(cli, "%s: %s, ", "%s：%s，"), document_text(forecast, "name"),
		    words_campaign_state(state, language));
	buf_append_cstr(&line, REPORT_SAY(cli, "", "剩余 "));
	format_people(document_int(forecast, "left"), language, &line);
	buf_append_cstr(&line, REPORT_SAY(cli, " of ", " / "));
	format_people(document_int(forecast, "audience"), language, &line);
	buf_append_cstr(&line, REPORT_SAY(cli, " people left", " 人"));
	cli_printf(cli, "%.*s\n", STR_ARG(buf_str(&line)));
	buf_done(&line);
}

static void print_assumptions(struct cli *cli, const json_t *forecast)
{
	static const struct {
		const char *what, *en, *zh;
	} texts[] = {
		{"started-now", "as if it were started now", "假设现在开始"},
		{"resumed-now",
		 "it is paused and nobody is sent to before edm campaign resume; as if it were "
		 "resumed "
		 "now",
		 "任务已暂停，edm campaign resume 之前不会发送；以下假设现在恢复"},
		{"node-runs", "no node is running (edm run starts one); as if one were",
		 "没有运行中的节点（edm run 可启动）；以下假设有节点运行"},
		{"people-estimated",
		 "people are counted from the lists, less who a sample shows to be in several, "
		 "excluded or suppressed",
		 "人数按名单统计，并按抽样扣除重复、排除和已抑制的收件人"},
	};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (assumes(forecast, texts[i].what))
			cli_printf(cli, "  %s\n", REPORT_SAY(cli, texts[i].en, texts[i].zh));
}

static void print_times(struct cli *cli, const json_t *forecast)
{
	struct buf line;
	buf_init(&line, TEXT_MAX);
	buf_append_cstr(&line, REPORT_SAY(cli, "likely through ", "预计完成 "));
	put_time(cli, forecast, "likely_at", &line);
	put_span(cli, forecast, document_int(forecast, "likely_at"), &line);
	buf_append_cstr(&line, REPORT_SAY(cli, "; between ", "；最早 "));
	put_time(cli, forecast, "earliest_at", &line);
	buf_append_cstr(&line, REPORT_SAY(cli, " and ", "，最晚 "));
	put_time(cli, forecast, "latest_at", &line);
	if (document_int(forecast, "most_at") != 0) {
		buf_append_cstr(&line,
				REPORT_SAY(cli, "\n99 % of its people by ", "\n99% 的收件人："));
		put_time(cli, forecast, "most_at", &line);
	}
	cli_printf(cli, "%.*s\n", STR_ARG(buf_str(&line)));
	buf_done(&line);
}

static void print_bind(struct cli *cli, const json_t *forecast)
{
	const json_t *bind = json_object_get(forecast, "bind");
	if (!json_is_object(bind))
		return;
	cli_printf(cli, REPORT_SAY(cli, "last: %s, held by %s\n", "最后完成：%s，受限于 %s\n"),
		   document_text(forecast, "last_provider"), document_text(bind, "says"));
}

static void print_missed(struct cli *cli, const json_t *forecast)
{
	struct buf line;
	if (document_int(forecast, "missed") == 0)
		return;
	buf_init(&line, TEXT_MAX);
	buf_append_cstr(&line, REPORT_SAY(cli, "about ", "约 "));
	format_people(document_int(forecast, "missed"), report_language(cli), &line);
	buf_append_cstr(&line,
			REPORT_SAY(cli, " people miss its deadline, ", " 人赶不上截止时间 "));
	put_time(cli, forecast, "deadline_at", &line);
	cli_printf(cli, "%.*s\n", STR_ARG(buf_str(&line)));
	buf_done(&line);
}

static void print_stuck(struct cli *cli, const json_t *forecast)
{
	size_t i;
	json_t *sentence;
	json_array_foreach(json_object_get(forecast, "stuck"), i, sentence)
	{
		cli_printf(cli, "%s\n", json_string_value(sentence));
	}
}

static void table_time(struct table *t, struct cli *cli, const json_t *provider, const char *key)
{
	struct buf text;
	buf_init(&text, TEXT_MAX);
	put_time(cli, provider, key, &text);
	table_str(t, buf_str(&text));
	buf_done(&text);
}

static void print_providers(struct cli *cli, const json_t *forecast)
{
	struct table t;
	size_t i;
	json_t *provider;
	cli_printf(cli, "\n");
	table_init(&t, REPORT_SAY(cli, "PROVIDER|LEFT|EARLIEST|LIKELY|LATEST|HELD BY",
				  "服务商|剩余|最早|预计|最晚|受限于"));
	json_array_foreach(json_object_get(forecast, "providers"), i, provider)
	{
		const json_t *bind = json_object_get(provider, "bind");
		table_str(&t, str_from(document_text(provider, "provider")));
		report_number(&t, document_int(provider, "left"));
		table_time(&t, cli, provider, "earliest_at");
		table_time(&t, cli, provider, "likely_at");
		table_time(&t, cli, provider, "latest_at");
		table_str_or_dash(&t, str_from(document_text(bind, "says")));
	}
	table_print(&t, cli, REPORT_SAY(cli, "nobody is left", "没有剩余的收件人"));
}

/* Is there anything to say of its end, but why it never comes? */
static bool has_end(const json_t *forecast)
{
	return !json_is_null(json_object_get(forecast, "earliest_at")) ||
	       json_array_size(json_object_get(forecast, "stuck")) == 0;
}

static void print_forecast(struct cli *cli, const json_t *forecast)
{
	if (json_object_get(forecast, "providers") == NULL) {
		cli_printf(cli,
			   REPORT_SAY(cli, "%s: %s; there is nothing to foresee\n",
				      "%s：%s，无需预测\n"),
			   document_text(forecast, "name"), document_text(forecast, "state"));
		return;
	}
	print_head(cli, forecast);
	print_assumptions(cli, forecast);
	if (has_end(forecast))
		print_times(cli, forecast);
	print_stuck(cli, forecast);
	if (has_end(forecast))
		print_bind(cli, forecast);
	print_missed(cli, forecast);
	print_providers(cli, forecast);
}

int64_t campaign_likely_end(struct cli *cli, const struct campaign_row *campaign)
{
	struct err unable; /* says so itself, in campaign forecast */
	int64_t us = 0;
	struct conf *conf = campaign->state == CAMPAIGN_RUNNING ? cli_settings(cli, &unable) : NULL;
	if (conf == NULL)
		return 0;
	char *name = xstrndup(campaign->name.ptr, campaign->name.len);
	if (forecast_likely_end(cli->db, name, conf_text(conf, SETTING_RETRY_SCHEDULE), &us,
				&unable) != 0)
		us = 0;
	free(name);
	conf_drop(conf);
	return us;
}

int run_campaign_forecast(struct cli *cli, struct err *err)
{
	struct pg_blocking *db = cli_database(cli, err);
	struct conf *conf = db != NULL ? cli_settings(cli, err) : NULL;
	if (conf == NULL)
		return -1;
	json_t *forecast =
		forecast_campaign(db, cli_arg(cli, 0), conf_text(conf, SETTING_RETRY_SCHEDULE),
				  report_language(cli), err);
	conf_drop(conf);
	if (forecast == NULL)
		return -1;
	if (report_is_json(cli, forecast))
		return 0;
	print_forecast(cli, forecast);
	json_decref(forecast);
	return 0;
}
