/* SPDX-License-Identifier: MIT */
/* The verbs about nodes: the processes that send. */
#include "scheduler/cli/report_private.h"
#include "scheduler/cli/steer_private.h"
#include "scheduler/cli/verbs.h"
#include "scheduler/ledger/roster.h"

static json_t *node_json(const struct roster_node *n)
{
	return json_pack("{s:o, s:s, s:b, s:b, s:o, s:I, s:o, s:I, s:I, s:I, s:I, s:I}", "name",
			 json_of_str(n->name), "state", node_state_name(n->state), "running",
			 n->is_alive, "stopped", n->has_left, "host", json_of_str(n->host), "pid",
			 (json_int_t)n->pid, "version", json_of_str(n->version), "up_ms",
			 (json_int_t)(n->is_alive ? n->alive_for_ms : 0), "last_beat_ago_ms",
			 (json_int_t)n->last_beat_ago_ms, "connections", (json_int_t)n->sessions,
			 "leases", (json_int_t)n->leases, "sources", (json_int_t)n->sources);
}

/* What an operator made of it as long as it runs, else how it ended. */
static const char *state_of(const struct cli *cli, const struct roster_node *n)
{
	bool is_draining = n->state == NODE_STATE_DRAINING;
	if (n->is_alive)
		return words_named_state(node_state_name(n->state), report_language(cli));
	if (!n->has_left)
		return REPORT_SAY(cli, "gone", "失联");
	return is_draining ? REPORT_SAY(cli, "drained", "已排空")
			   : REPORT_SAY(cli, "stopped", "已停止");
}

static void since_cell(const struct cli *cli, struct table *t, const struct roster_node *n)
{
	struct buf span;
	buf_init(&span, 128);
	steer_span(cli, n->is_alive ? n->alive_for_ms : n->last_beat_ago_ms, &span);
	table_cell(t,
		   n->is_alive	 ? REPORT_SAY(cli, "running for %s", "已运行 %s")
		   : n->has_left ? REPORT_SAY(cli, "stopped %s ago", "%s前停止")
				 : REPORT_SAY(cli, "last heard of %s ago", "%s前最后一次心跳"),
		   span.data);
	buf_done(&span);
}

static void node_row(const struct cli *cli, struct table *t, const struct roster_node *n)
{
	table_str(t, n->name);
	table_str(t, str_from(state_of(cli, n)));
	since_cell(cli, t, n);
	table_str_or_dash(t, n->host);
	table_cell(t, "%lld", (long long)n->pid);
	table_cell(t, "%lld", (long long)n->sessions);
	table_cell(t, "%lld", (long long)n->leases);
	table_str_or_dash(t, n->version);
}

static int print_nodes(struct cli *cli, const struct roster *r, struct str name)
{
	struct table t;
	json_t *list = json_array();
	table_init(&t, REPORT_SAY(cli, "node|state|is|host|process|connections|chunks|version",
				  "节点|状态|运行情况|主机|进程|连接数|批次|版本"));
	for (size_t i = 0; i < r->count; i++) {
		if (!str_is_empty(name) && !str_equals(name, r->nodes[i].name))
			continue;
		node_row(cli, &t, &r->nodes[i]);
		json_array_append_new(list, node_json(&r->nodes[i]));
	}
	if (cli->wants_json) {
		table_done(&t);
		return cli_print_json(cli, json_pack("{s:o}", "nodes", list));
	}
	json_decref(list);
	table_print(&t, cli,
		    REPORT_SAY(cli, "no node yet: edm run starts one here",
			       "还没有节点：edm run 可在本机启动一个"));
	return 0;
}

static int refuse_unknown(struct str name, struct err *err)
{
	return err_set(err, ERR_NOT_FOUND, "there is no node '%.*s'; edm node list lists them",
		       STR_ARG(name));
}

static int run_show(struct cli *cli, struct err *err)
{
	struct str name = str_from(cli_arg(cli, 0));
	struct roster r;
	struct pg_blocking *db = cli_database(cli, err);
	if (db == NULL || roster_load(db, &r, err) != 0)
		return -1;
	int result;
	if (!str_is_empty(name) && roster_find(&r, name) == NULL)
		result = refuse_unknown(name, err);
	else
		result = print_nodes(cli, &r, name);
	roster_done(&r);
	return result;
}

/* The node as it is now. */
static int print_now(struct cli *cli, struct str name, struct err *err)
{
	struct roster r;
	if (roster_load(cli->db, &r, err) != 0)
		return -1;
	const struct roster_node *n = roster_find(&r, name);
	json_t *json = n != NULL ? node_json(n) : json_null();
	roster_done(&r);
	return cli_print_json(cli, json);
}

static int check_exists(struct pg_blocking *db, struct str name, struct err *err)
{
	struct roster r;
	if (roster_load(db, &r, err) != 0)
		return -1;
	bool exists = roster_find(&r, name) != NULL;
	roster_done(&r);
	return exists ? 0 : refuse_unknown(name, err);
}

static int run_drain(struct cli *cli, struct err *err)
{
	struct str name = str_from(cli_arg(cli, 0));
	struct change change = steer_change(cli);
	bool is_undone = cli_flag(cli, "undo");
	struct pg_blocking *db = cli_database(cli, err);
	if (db == NULL || roster_move(db, name, is_undone ? NODE_STATE_ACTIVE : NODE_STATE_DRAINING,
				      &change, err) != 0)
		return -1;
	if (cli->wants_json)
		return print_now(cli, name, err);
	const char *what =
		is_undone ? REPORT_SAY(cli, "works again when it is started", "启动后恢复工作")
			  : REPORT_SAY(cli, "ends what it has begun, gives back the rest and stops",
				       "处理完已开始的邮件，其余退回队列后停止");
	cli_printf(cli, REPORT_SAY(cli, "node %.*s %s\n", "节点 %.*s %s\n"), STR_ARG(name), what);
	return 0;
}

static int run_remove(struct cli *cli, struct err *err)
{
	struct str name = str_from(cli_arg(cli, 0));
	struct change change = steer_change(cli);
	struct pg_blocking *db = cli_database(cli, err);
	if (db == NULL || check_exists(db, name, err) != 0 ||
	    cli_confirm(cli, err,
			"Removing node %.*s; what it alone knew of its last moments, in its "
			"journal, is used only if it starts again",
			STR_ARG(name)) != 0 ||
	    roster_move(db, name, NODE_STATE_REMOVED, &change, err) != 0)
		return -1;
	if (cli->wants_json)
		return cli_print_json(cli, json_pack("{s:o, s:s}", "name", json_of_str(name),
						     "state", node_state_name(NODE_STATE_REMOVED)));
	cli_printf(cli, REPORT_SAY(cli, "node %.*s is removed\n", "节点 %.*s 已移除\n"),
		   STR_ARG(name));
	return 0;
}

static const struct arg_option drain_options[] = {
	{"undo", NULL, "let it work again when it is started"},
	{NULL, NULL, NULL},
};

const struct cli_verb fleet_verbs[] = {
	{.noun = "node",
	 .verb = "list",
	 .summary = "List the nodes: who sends, where, and since when",
	 .examples = "    edm node list",
	 .takes_json = true,
	 .run = run_show},
	{.noun = "node",
	 .verb = "show",
	 .synopsis = "NAME",
	 .min_args = 1,
	 .max_args = 1,
	 .summary = "Show one node",
	 .examples = "    edm node show mx1 --json",
	 .takes_json = true,
	 .run = run_show},
	{.noun = "node",
	 .verb = "drain",
	 .synopsis = "NAME",
	 .min_args = 1,
	 .max_args = 1,
	 .options = drain_options,
	 .summary = "Let a node end what it has begun, give back the rest and stop",
	 .examples = "    edm node drain mx1 --because 'kernel update'\n"
		     "    edm node drain mx1 --undo",
	 .takes_json = true,
	 .changes = true,
	 .run = run_drain},
	{.noun = "node",
	 .verb = "remove",
	 .synopsis = "NAME",
	 .min_args = 1,
	 .max_args = 1,
	 .summary = "Remove a node that will not come back",
	 .examples = "    edm node remove mx1 --yes",
	 .takes_json = true,
	 .changes = true,
	 .asks = true,
	 .run = run_remove},
	{0},
};
