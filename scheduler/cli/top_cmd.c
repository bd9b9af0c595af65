/* SPDX-License-Identifier: MIT */
/* `edm top`: nodes and lanes as they are now, drawn anew each second on a terminal. */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "scheduler/cli/report_private.h"
#include "scheduler/cli/verbs.h"
#include "scheduler/report/lane_say.h"
#include "scheduler/report/why_say.h"

#define REFRESH_MS 1000
#define WAIT_MAX 4096
#define CLEAR_SCREEN "\x1b[H\x1b[2J"

static const char *state_of(const struct cli *cli, const json_t *node)
{
	if (json_is_true(json_object_get(node, "alive")))
		return document_text(node, "node_state");
	if (json_is_true(json_object_get(node, "stopped")))
		return REPORT_SAY(cli, "stopped", "已停止");
	return REPORT_SAY(cli, "gone", "失联");
}

static void print_nodes(struct cli *cli, const json_t *live)
{
	struct table t;
	size_t i;
	json_t *node;
	table_init(&t, REPORT_SAY(cli, "NODE|STATE|SESSIONS|IN HAND|LEASES|UNFLUSHED|LAST BEAT",
				  "节点|状态|连接|在手|租约|待写|最近心跳"));
	json_array_foreach(json_object_get(live, "nodes"), i, node)
	{
		const json_t *gauges = json_object_get(node, "gauges");
		table_str(&t, str_from(document_text(node, "node")));
		table_str(&t, str_from(state_of(cli, node)));
		report_number(&t, document_int(gauges, "sessions"));
		report_number(&t, document_int(gauges, "held"));
		report_number(&t, document_int(gauges, "leases"));
		report_number(&t, document_int(gauges, "unflushed"));
		report_time(&t, document_int(node, "beat_at"), report_language(cli));
	}
	table_print(&t, cli,
		    REPORT_SAY(cli, "There is no node: edm run starts one.",
			       "没有节点：用 edm run 启动。"));
}

static void say_waits(const struct why_context *w, const json_t *lane, struct buf *out)
{
	struct buf name;
	buf_init(&name, WAIT_MAX);
	buf_appendf(&name, "%s/%s", document_text(lane, "source"), document_text(lane, "queue"));
	const struct lane_saying saying = {w->language, w->now_us, name.data};
	lane_say_waits(&saying, lane, out);
	buf_done(&name);
}

/* What the lane waits for, or a campaign among its mail. */
static void wait_cell(struct table *t, struct cli *cli, const json_t *live, const json_t *lane)
{
	const json_t *waiting = live_waiting_on(live, lane);
	const struct why_context w = {.language = report_language(cli),
				      .now_us = document_int(live, "now_at")};
	struct buf text;
	buf_init(&text, WAIT_MAX);
	if (document_text(lane, "waits")[0] != '\0') {
		say_waits(&w, lane, &text);
	} else if (waiting != NULL) {
		buf_appendf(&text, "%s: ", document_text(waiting, "campaign"));
		hold_say_waiting(&w, waiting, &text);
	}
	table_str_or_dash(t, buf_str(&text));
	buf_done(&text);
}

static void print_lanes(struct cli *cli, const json_t *live)
{
	struct table t;
	size_t i;
	json_t *lane;
	cli_printf(cli, "\n");
	table_init(&t, REPORT_SAY(cli,
				  "LANE|NODE|SESSIONS|DELIVERED|PROVIDER'S RATE/S|PROVIDER'S "
				  "QUEUE|WAITS FOR",
				  "通道|节点|连接|已送达|服务商每秒|服务商排队|等待原因"));
	json_array_foreach(json_object_get(live, "lanes"), i, lane)
	{
		table_cell(&t, "%s/%s", document_text(lane, "source"),
			   document_text(lane, "queue"));
		table_str(&t, str_from(document_text(lane, "node")));
		table_cell(&t, "%lld/%lld", (long long)document_int(lane, "sessions"),
			   (long long)document_int(lane, "allowed"));
		report_number(&t, document_int(lane, "delivered"));
		table_cell(&t, "%.1f", json_number_value(json_object_get(lane, "rate")));
		report_number(&t, document_int(lane, "queued"));
		wait_cell(&t, cli, live, lane);
	}
	table_print(&t, cli, REPORT_SAY(cli, "No lane is in use.", "没有正在使用的通道。"));
}

/* Running campaigns: how fast, and what keeps all of each. */
static void print_campaigns(struct cli *cli, const json_t *live)
{
	struct table t;
	size_t i;
	json_t *campaign;
	if (json_array_size(json_object_get(live, "campaigns")) == 0)
		return;
	cli_printf(cli, "\n");
	table_init(&t, REPORT_SAY(cli, "CAMPAIGN|RATE/S|WAITS FOR", "任务|每秒|等待原因"));
	json_array_foreach(json_object_get(live, "campaigns"), i, campaign)
	{
		const struct why_context w = {.language = report_language(cli),
					      .now_us = document_int(live, "now_at"),
					      .live = live,
					      .campaign = document_text(campaign, "campaign"),
					      .campaign_state = CAMPAIGN_RUNNING};
		struct buf text;
		buf_init(&text, WAIT_MAX);
		struct hold hold;
		if (hold_find(&w, NULL, &hold))
			hold_say(&w, &hold, &text);
		table_str(&t, str_from(w.campaign));
		table_cell(&t, "%.1f", json_number_value(json_object_get(campaign, "rate")));
		table_str_or_dash(&t, buf_str(&text));
		buf_done(&text);
	}
	table_print(&t, cli, "");
}

/* "until q or Ctrl-C": a second goes by, or somebody typed a line. */
static bool goes_on(void)
{
	struct pollfd keys = {.fd = STDIN_FILENO, .events = POLLIN};
	char line[64] = "";
	int ready = poll(&keys, 1, REFRESH_MS);
	if (ready < 0)
		return errno == EINTR;
	if (ready == 0)
		return true;
	return read(STDIN_FILENO, line, sizeof(line)) > 0 && line[0] != 'q';
}

/* What the program made itself (campaign test) is nobody's campaign. */
static void drop_hidden(json_t *live)
{
	json_t *campaigns = json_object_get(live, "campaigns");
	for (size_t i = json_array_size(campaigns); i > 0; i--)
		if (json_is_true(json_object_get(json_array_get(campaigns, i - 1), "is_hidden")))
			json_array_remove(campaigns, i - 1);
}

static int show(struct cli *cli, bool is_live, struct err *err)
{
	json_t *live = live_load(cli->db, err);
	if (live == NULL)
		return -1;
	drop_hidden(live);
	if (cli->wants_json) {
		json_object_del(live, "pauses");
		json_object_del(live, "limits");
		json_object_del(live, "sources");
	}
	if (report_is_json(cli, live))
		return 0;
	if (is_live)
		cli_printf(cli, CLEAR_SCREEN);
	print_nodes(cli, live);
	print_lanes(cli, live);
	print_campaigns(cli, live);
	fflush(cli->out);
	json_decref(live);
	return 0;
}

static int run_top(struct cli *cli, struct err *err)
{
	bool is_live = !cli->wants_json && !cli_flag(cli, "once") && isatty(STDOUT_FILENO) &&
		       isatty(STDIN_FILENO);
	if (cli_database(cli, err) == NULL)
		return -1;
	int result = show(cli, is_live, err);
	while (result == 0 && is_live && goes_on())
		result = show(cli, is_live, err);
	return result;
}

static const struct arg_option top_options[] = {
	{"once", NULL, "print it once (as without a terminal)"},
	{NULL, NULL, NULL},
};

const struct cli_verb top_verbs[] = {
	{.noun = "top",
	 .synopsis = "",
	 .options = top_options,
	 .summary = "Nodes and lanes now: sessions, rates, queues, what they wait for",
	 .examples = "    edm top\n"
		     "    edm top --once --json",
	 .takes_json = true,
	 .run = run_top},
	{0},
};
