/* SPDX-License-Identifier: MIT */
/* The verbs about warm-up: how much a new source may send to a provider in a day. */
#include <stdlib.h>

#include "ip-pool/store/lane_store.h"
#include "ip-pool/store/source_store.h"
#include "scheduler/cli/steer_private.h"
#include "scheduler/cli/lane_private.h"
#include "scheduler/cli/report_private.h"
#include "scheduler/cli/time_text_private.h"
#include "scheduler/cli/verbs.h"

/* ------------------------------------------------------------------------------------------ plan
 */

static int parse_plan(const struct cli *cli, struct warmup_plan *plan, struct err *err)
{
	const char *steps = cli_option(cli, "steps");
	int64_t target = 0;
	if (args_number(&cli->args, "target", ARG_RANGE(1, LIMIT_MAX_COUNT), &target, err) != 0)
		return -1;
	if ((steps != NULL) + (target > 0) + cli_flag(cli, "off") != 1)
		return err_set(err, ERR_USAGE,
			       "say one of --target N (messages a day at the end), --steps "
			       "50,100,200 or --off");
	*plan = (struct warmup_plan){.count = 0};
	if (target > 0)
		warmup_plan_default(plan, target);
	return steps != NULL ? warmup_plan_parse(str_from(steps), plan, err) : 0;
}

static void print_plan(struct cli *cli, struct str name, const struct warmup_plan *plan)
{
	if (plan->count == 0) {
		cli_printf(cli,
			   REPORT_SAY(cli, "source %.*s counts as warm\n",
				      "发信源 %.*s 视为已完成预热\n"),
			   STR_ARG(name));
		return;
	}
	cli_printf(cli,
		   REPORT_SAY(cli, "source %.*s, each lane, messages a day: ",
			      "发信源 %.*s 的每个通道，每天封数："),
		   STR_ARG(name));
	for (size_t i = 0; i < plan->count; i++)
		cli_printf(cli, "%s%lld", i > 0 ? ", " : "", (long long)plan->budgets[i]);
	cli_printf(cli,
		   REPORT_SAY(cli,
			      "; then it is warm and this cap is over; every lane begins at the "
			      "first step\n",
			      "；之后预热完成，不再受此限制；每个通道都从第一步开始\n"));
}

static json_t *plan_json(struct str name, const struct warmup_plan *plan)
{
	json_t *steps = json_array();
	for (size_t i = 0; i < plan->count; i++)
		json_array_append_new(steps, json_integer(plan->budgets[i]));
	return json_pack("{s:o, s:o, s:b}", "source", json_of_str(name), "messages_a_day", steps,
			 "warm", plan->count == 0);
}

static int run_plan(struct cli *cli, struct err *err)
{
	struct str name = str_from(cli_arg(cli, 0));
	struct change change = steer_change(cli);
	struct warmup_plan plan;
	struct source_change wanted = {.plan = &plan};
	if (parse_plan(cli, &plan, err) != 0)
		return -1;
	struct pg_blocking *db = cli_database(cli, err);
	if (db == NULL || source_store_set(db, name, &wanted, &change, err) != 0)
		return -1;
	if (cli->wants_json)
		return cli_print_json(cli, plan_json(name, &plan));
	print_plan(cli, name, &plan);
	return 0;
}

/* --------------------------------------------------------------------------------- hold, advance
 */

/* Without a plan there are no steps; releasing does no harm. */
static int check_plan(const struct ip_pool_snapshot *s, const struct warmup_steering *steering,
		      struct err *err)
{
	const struct source *source = ip_pool_source(s, steering->source);
	if (steering->held == 0 || s->plans[source - s->sources].count > 0)
		return 0;
	return err_set(err, ERR_REFUSED,
		       "source %.*s is not warming up; edm warmup plan %.*s --target N begins it",
		       STR_ARG(steering->source), STR_ARG(steering->source));
}

static int report_steered(struct cli *cli, const struct warmup_steering *steering, int lanes)
{
	if (cli->wants_json)
		return cli_print_json(
			cli,
			json_pack("{s:o, s:o, s:i, s:i, s:o}", "source",
				  json_of_str(steering->source), "target",
				  json_of_text_or_null(steering->target), "lanes", lanes, "steps",
				  steering->steps, "held",
				  steering->held < 0 ? json_null() : json_boolean(steering->held)));
	const char *what = steering->steps > 0 ? REPORT_SAY(cli, "moved forward", "已前进")
			   : steering->held > 0
				   ? REPORT_SAY(cli, "held on this step", "停留在当前步骤")
				   : REPORT_SAY(cli, "moving on again", "继续前进");
	cli_printf(cli, REPORT_SAY(cli, "%d %s of %.*s: %s\n", "%d 个%s（发信源 %.*s）：%s\n"),
		   lanes, REPORT_SAY(cli, plural(lanes, "lane", "lanes"), "通道"),
		   STR_ARG(steering->source), what);
	return 0;
}

static int steer(struct cli *cli, struct warmup_steering *steering, struct err *err)
{
	struct change change = steer_change(cli);
	struct str target = str_from(cli_arg(cli, 0));
	struct ip_pool_snapshot *s = NULL;
	steering->source = str_take_until(&target, '/');
	steering->target = target;
	if (steer_load(cli, &s, err) != 0)
		return -1;
	int result = steer_check_source(s, steering->source, err);
	if (result == 0)
		result = steer_check_provider(s, steering->target, err);
	if (result == 0)
		result = check_plan(s, steering, err);
	ip_pool_snapshot_drop(s);
	if (result != 0)
		return -1;
	int lanes = source_store_steer(cli->db, steering, &change, err);
	if (lanes < 0)
		return -1;
	return report_steered(cli, steering, lanes);
}

static int run_hold(struct cli *cli, struct err *err)
{
	struct warmup_steering steering = {.held = cli_flag(cli, "release") ? 0 : 1};
	return steer(cli, &steering, err);
}

static int run_advance(struct cli *cli, struct err *err)
{
	int64_t steps = 1;
	if (args_number(&cli->args, "steps", ARG_RANGE(1, WARMUP_STEPS_MAX), &steps, err) != 0)
		return -1;
	struct warmup_steering steering = {.held = -1, .steps = (int)steps};
	return steer(cli, &steering, err);
}

/* ------------------------------------------------------------------------------------------ show
 */

struct view {
	const struct cli *cli;
	const struct ip_pool_snapshot *snapshot;
	struct usage_list usage;
	struct past_usage *sorted; /* usage by source, target and time; in its arena */
	int64_t now_us;		   /* of the database, when the snapshot was loaded */
	struct table table;
	json_t *list;
};

/* What counts against the day of a lane now. */
struct day {
	int64_t sent;
	int64_t shut_until_us; /* 0: its budget has room */
};

static int compare_lanes(uint32_t source, struct str target, const struct past_usage *row)
{
	if (source != row->source)
		return source < row->source ? -1 : 1;
	return str_compare(target, row->target);
}

static int compare_usage(const void *a, const void *b)
{
	const struct past_usage *one = a, *other = b;
	int order = compare_lanes(one->source, one->target, other);
	return order != 0 ? order : (one->at_ms > other->at_ms) - (one->at_ms < other->at_ms);
}

/* A large tail has many lanes, and each of them many rows. */
static void sort_usage(struct view *v)
{
	size_t count = v->usage.count;
	v->sorted = arena_alloc(&v->usage.arena, count * sizeof(v->sorted[0]) + 1);
	for (size_t i = 0; i < count; i++)
		v->sorted[i] = v->usage.items[i];
	if (count > 0)
		qsort(v->sorted, count, sizeof(v->sorted[0]), compare_usage);
}

/* The first of the sorted rows that is not before the lane; "": the first of the source. */
static size_t first_row(const struct view *v, uint32_t source, struct str target)
{
	size_t low = 0, high = v->usage.count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (compare_lanes(source, target, &v->sorted[middle]) > 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* As its node counts it: any 24 hours, whatever its step has seen of them. */
static struct day day_of(const struct view *v, const struct source *source, struct str target,
			 int64_t budget)
{
	bool is_tail = provider_find(v->snapshot->providers, target) == NULL;
	const struct limit_scope scope = {.level = LEVEL_LANE,
					  .provider = is_tail ? STR("") : target,
					  .site = is_tail ? target : STR(""),
					  .source = source->name};
	int64_t now = v->snapshot->loaded_ms;
	struct limiter l;
	struct limiter_wait ignored;
	limiter_init(&l, &scope, now);
	l.day_budget = budget;
	for (size_t i = first_row(v, source->id, target); i < v->usage.count; i++) {
		const struct past_usage *row = &v->sorted[i];
		if (compare_lanes(source->id, target, row) != 0)
			break;
		limiter_add_usage(&l, row->at_ms < now ? row->at_ms : now, row->messages, now);
	}
	int64_t at = limiter_message_ready_at(&l, now, &ignored);
	return (struct day){limiter_counted(&l, limit_meter(LIMIT_MESSAGES, LIMIT_DAY), now),
			    at > now ? v->now_us + (at - now) * 1000 : 0};
}

static void day_cells(struct view *v, const struct day *day)
{
	char until[TIME_TEXT_MAX];
	table_cell(&v->table, "%lld", (long long)day->sent);
	table_str(&v->table,
		  str_from(day->shut_until_us != 0 ? report_when(v->cli, day->shut_until_us, until)
						   : "-"));
}

static void show_lane(struct view *v, const struct source *source, const struct warmup_plan *plan,
		      const struct lane_record *lane)
{
	struct lane_warmup w = lane_warmup(plan, lane);
	struct day day = day_of(v, source, lane->target, w.budget);
	table_cell(&v->table, "%.*s/%.*s", STR_ARG(source->name), STR_ARG(lane->target));
	table_cell(&v->table, REPORT_SAY(v->cli, "%zu of %zu", "%zu/%zu"),
		   w.step + 1 > plan->count ? plan->count : w.step + 1, plan->count);
	if (w.budget < 0)
		table_str(&v->table, str_from(REPORT_SAY(v->cli, "warm", "已完成")));
	else
		table_cell(&v->table, "%lld", (long long)w.budget);
	day_cells(v, &day);
	table_str(&v->table,
		  str_from(lane->warmup_held ? REPORT_SAY(v->cli, "held", "停留在当前步骤") : "-"));
	json_array_append_new(
		v->list,
		json_pack("{s:o, s:o, s:i, s:i, s:o, s:I, s:o, s:I, s:I, s:I, s:b}", "source",
			  json_of_str(source->name), "target", json_of_str(lane->target), "step",
			  (int)w.step, "steps", (int)plan->count, "budget_a_day",
			  w.budget < 0 ? json_null() : json_integer(w.budget), "sent_24h",
			  (json_int_t)day.sent, "shut_until", time_json(day.shut_until_us), "sent",
			  (json_int_t)lane->warmup.sent, "deferred",
			  (json_int_t)lane->warmup.deferred, "blocked",
			  (json_int_t)lane->warmup.blocked, "held", lane->warmup_held));
}

/* A source that has not sent yet: its lanes will begin at the first step. */
static void show_source(struct view *v, const struct source *source, const struct warmup_plan *plan)
{
	const struct day fresh = {.sent = 0};
	table_cell(&v->table, REPORT_SAY(v->cli, "%.*s (no lane yet)", "%.*s（尚无通道）"),
		   STR_ARG(source->name));
	table_cell(&v->table, REPORT_SAY(v->cli, "1 of %zu", "1/%zu"), plan->count);
	table_cell(&v->table, "%lld", (long long)plan->budgets[0]);
	day_cells(v, &fresh);
	table_str(&v->table, STR("-"));
	json_array_append_new(v->list,
			      json_pack("{s:o, s:n, s:i, s:i, s:I, s:i, s:n}", "source",
					json_of_str(source->name), "target", "step", 0, "steps",
					(int)plan->count, "budget_a_day",
					(json_int_t)plan->budgets[0], "sent_24h", 0, "shut_until"));
}

/* Has it sent there in the last day, and nothing of the lane was saved? row: the first of those
 * that belong to the lane; it is moved behind them. */
static bool is_new_lane(const struct view *v, size_t *row)
{
	const struct past_usage *first = &v->sorted[*row];
	bool has_sent = false;
	for (; *row < v->usage.count &&
	       compare_lanes(first->source, first->target, &v->sorted[*row]) == 0;
	     (*row)++)
		has_sent = has_sent || v->sorted[*row].messages > 0;
	return has_sent && ip_pool_lane(v->snapshot, first->source, first->target) == NULL;
}

static void show_lanes(struct view *v, const struct source *source, const struct warmup_plan *plan)
{
	const struct ip_pool_snapshot *s = v->snapshot;
	size_t before = json_array_size(v->list);
	for (size_t i = 0; i < s->lane_count; i++)
		if (s->lanes[i].source == source->id)
			show_lane(v, source, plan, &s->lanes[i]);
	for (size_t i = first_row(v, source->id, STR(""));
	     i < v->usage.count && v->sorted[i].source == source->id;) {
		const struct lane_record lane = {.source = source->id,
						 .target = v->sorted[i].target};
		if (is_new_lane(v, &i))
			show_lane(v, source, plan, &lane);
	}
	if (json_array_size(v->list) == before)
		show_source(v, source, plan);
}

static void collect(struct view *v, struct str name)
{
	const struct ip_pool_snapshot *s = v->snapshot;
	for (size_t i = 0; i < s->source_count; i++) {
		const struct source *source = &s->sources[i];
		if (s->plans[i].count > 0 && (str_is_empty(name) || str_equals(name, source->name)))
			show_lanes(v, source, &s->plans[i]);
	}
}

/* The time of the database, and what was sent in its last day. */
static int load_day(struct cli *cli, struct view *v, struct err *err)
{
	struct pg_rows *rows = NULL;
	if (pg_run(cli->db, "setup/clock", NULL, &rows, err) != 0)
		return -1;
	v->now_us = pg_time(rows, 0, 0);
	pg_rows_free(rows);
	if (usage_load(cli->db, 0, v->snapshot->loaded_ms, &v->usage, err) != 0)
		return -1;
	sort_usage(v);
	return 0;
}

static int show(struct cli *cli, const struct ip_pool_snapshot *s, struct str name, struct err *err)
{
	struct view v = {.cli = cli, .snapshot = s};
	if (steer_check_source(s, name, err) != 0 || load_day(cli, &v, err) != 0)
		return -1;
	v.list = json_array();
	table_init(&v.table,
		   REPORT_SAY(cli, "lane|step|messages a day|sent in 24 h|shut until|by hand",
			      "通道|步骤|每天封数|24 小时已发|停发至|人工"));
	collect(&v, name);
	usage_done(&v.usage);
	if (cli->wants_json) {
		table_done(&v.table);
		return cli_print_json(cli, json_pack("{s:o}", "warmup", v.list));
	}
	json_decref(v.list);
	table_print(
		&v.table, cli,
		REPORT_SAY(cli,
			   "no source is warming up; edm warmup plan SOURCE --target N begins it",
			   "没有预热中的发信源；edm warmup plan SOURCE --target N 可开始预热"));
	return 0;
}

static int run_show(struct cli *cli, struct err *err)
{
	struct ip_pool_snapshot *s = NULL;
	if (steer_load(cli, &s, err) != 0)
		return -1;
	int result = show(cli, s, str_from(cli_arg(cli, 0)), err);
	ip_pool_snapshot_drop(s);
	return result;
}

static const struct arg_option plan_options[] = {
	{"target", "N", "messages a day on the last step; the usual curve leads there"},
	{"steps", "N,N,…", "a curve of your own: messages a day, step by step"},
	{"off", NULL, "the source is warm"},
	{NULL, NULL, NULL},
};

static const struct arg_option hold_options[] = {
	{"release", NULL, "move on again"},
	{NULL, NULL, NULL},
};

static const struct arg_option advance_options[] = {
	{"steps", "N", "so many steps forward (default: 1)"},
	{NULL, NULL, NULL},
};

const struct cli_verb warmup_verbs[] = {
	{.noun = "warmup",
	 .verb = "plan",
	 .synopsis = "SOURCE",
	 .min_args = 1,
	 .max_args = 1,
	 .options = plan_options,
	 .summary = "Let a new source begin small, or call it warm",
	 .examples = "    edm warmup plan mx3 --target 50000\n"
		     "    edm warmup plan mx3 --steps 50,100,200,400\n"
		     "    edm warmup plan mx3 --off",
	 .takes_json = true,
	 .changes = true,
	 .run = run_plan},
	{.noun = "warmup",
	 .verb = "show",
	 .synopsis = "[SOURCE]",
	 .max_args = 1,
	 .summary = "Show how far each lane is",
	 .examples = "    edm warmup show --json",
	 .takes_json = true,
	 .run = run_show},
	{.noun = "warmup",
	 .verb = "hold",
	 .synopsis = "SOURCE[/PROVIDER]",
	 .min_args = 1,
	 .max_args = 1,
	 .options = hold_options,
	 .summary = "Keep lanes on their step, or let them move on",
	 .examples = "    edm warmup hold mx3/qq --because 'deferrals grow'\n"
		     "    edm warmup hold mx3/qq --release",
	 .takes_json = true,
	 .changes = true,
	 .run = run_hold},
	{.noun = "warmup",
	 .verb = "advance",
	 .synopsis = "SOURCE[/PROVIDER]",
	 .min_args = 1,
	 .max_args = 1,
	 .options = advance_options,
	 .summary = "Move lanes a step forward before their day is over",
	 .examples = "    edm warmup advance mx3/gmail",
	 .takes_json = true,
	 .changes = true,
	 .run = run_advance},
	{0},
};
