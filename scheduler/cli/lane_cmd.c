/* SPDX-License-Identifier: MIT */
/* The verb limit explain: every number that holds for a lane and where it comes from. */
#include <string.h>

#include "engine/base/clock.h"
#include "ip-pool/explain.h"
#include "scheduler/cli/steer_private.h"
#include "scheduler/cli/lane_private.h"
#include "scheduler/cli/table_private.h"
#include "scheduler/report/live.h"
#include "scheduler/setup/lane_live.h"
#include "scheduler/setup/names.h"

struct lane_warmup lane_warmup(const struct warmup_plan *plan, const struct lane_record *lane)
{
	struct warmup w;
	int64_t now = clock_now_ms();
	warmup_state_load(&w, plan, &lane->warmup, lane->age_ms, now);
	warmup_follow(&w, lane->warmup_advanced, lane->warmup_held, now);
	return (struct lane_warmup){.step = w.step, .budget = warmup_budget(&w)};
}

/* The lane in question, and the answer under construction. */
struct question {
	struct pg_blocking *db;
	const struct ip_pool_snapshot *snapshot;
	const struct source *source;
	const struct provider *provider; /* NULL: a tail site */
	struct str target;
	json_t *answer;
};

static struct limit_scope scope_of(const struct question *q, enum limit_level level)
{
	return (struct limit_scope){.level = level,
				    .provider = q->provider ? q->target : (struct str){0},
				    .site = q->provider ? (struct str){0} : q->target,
				    .source = q->source->name,
				    .node = q->source->node};
}

/* ----------------------------------------------------------------------------------- collecting
 */

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

/* A number of one level, as JSON. */
struct cap_view {
	const struct limit_scope *scope;
	const struct cap *cap;
	enum limit_kind kind;
	enum limit_period period;
};

static const struct limit_rule *rule_of(const struct question *q, int64_t id)
{
	for (size_t i = 0; i < q->snapshot->limits.count; i++)
		if (q->snapshot->limits.rules[i].id == id)
			return &q->snapshot->limits.rules[i];
	return NULL;
}

/* Of a campaign, its name. */
static void say_scope(const struct question *q, const struct limit_scope *scope, struct buf *out)
{
	struct err gone; /* then its number */
	if (scope->level != LEVEL_CAMPAIGN) {
		explain_scope(scope, out);
		return;
	}
	buf_append_cstr(out, "campaign ");
	if (names_campaign(q->db, scope->campaign, out, &gone) != 0)
		buf_appendf(out, "%lld", (long long)scope->campaign);
}

/* Who set it, why and till when; empty: nobody did. */
static void find_author(const struct question *q, const struct cap_view *v, struct cap *cap,
			struct str *set_by, struct str *because)
{
	const struct limit_rule *rule = rule_of(q, v->cap->rule);
	const struct provider_change *change = NULL;
	*cap = *v->cap;
	if (cap->origin == ORIGIN_PROFILE)
		change = provider_change_of(&q->snapshot->profile_changes, q->provider->name,
					    v->kind, v->period, q->snapshot->loaded_ms);
	if (change != NULL)
		cap->until_ms = change->until_ms;
	*set_by = rule ? rule->set_by : change ? change->set_by : STR("");
	*because = rule ? rule->because : change ? change->because : STR("");
}

static void add_cap(struct question *q, json_t *caps, const struct cap_view *v)
{
	int64_t now = q->snapshot->loaded_ms;
	struct buf scope, says;
	struct str set_by, because;
	struct cap cap;
	if (v->cap->count == LIMIT_NONE)
		return;
	find_author(q, v, &cap, &set_by, &because);
	buf_init(&scope, 1024);
	buf_init(&says, 1024);
	say_scope(q, v->scope, &scope);
	explain_cap(&cap, v->kind, v->period, now, &says);
	bool has_period = v->kind == LIMIT_MESSAGES || v->kind == LIMIT_NEW_CONNECTIONS;
	json_array_append_new(
		caps,
		json_pack("{s:s, s:o, s:s, s:s?, s:I, s:s, s:o, s:o, s:o, s:o, s:o}", "level",
			  limit_level_name(v->scope->level), "scope", json_of_str(buf_str(&scope)),
			  "kind", limit_kind_name(v->kind), "per",
			  has_period ? limit_period_name(v->period) : NULL, "count",
			  (json_int_t)cap.count, "origin", limit_origin_name(cap.origin),
			  "limit_id", cap.rule ? json_integer(cap.rule) : json_null(), "left_ms",
			  steer_left_json(cap.until_ms, now), "set_by",
			  json_of_text_or_null(set_by), "because", json_of_text_or_null(because),
			  "says", json_of_str(buf_str(&says))));
	buf_done(&scope);
	buf_done(&says);
}

static void add_scope(struct question *q, json_t *list, const struct limit_scope *scope)
{
	struct caps caps;
	limit_resolve(&q->snapshot->limits, scope, q->provider ? &q->provider->limits : NULL,
		      q->snapshot->loaded_ms, &caps);
	struct cap_view v = {scope, &caps.connections, LIMIT_CONNECTIONS, LIMIT_SECOND};
	add_cap(q, list, &v);
	for (int p = 0; p < LIMIT_PERIOD_COUNT; p++) {
		v = (struct cap_view){scope, &caps.new_connections[p], LIMIT_NEW_CONNECTIONS,
				      (enum limit_period)p};
		add_cap(q, list, &v);
	}
	for (int p = 0; p < LIMIT_PERIOD_COUNT; p++) {
		v = (struct cap_view){scope, &caps.messages[p], LIMIT_MESSAGES,
				      (enum limit_period)p};
		add_cap(q, list, &v);
	}
	v = (struct cap_view){scope, &caps.messages_per_connection, LIMIT_MESSAGES_PER_CONNECTION,
			      LIMIT_SECOND};
	add_cap(q, list, &v);
}

static void add_level(struct question *q, json_t *list, enum limit_level level)
{
	struct limit_scope scope = scope_of(q, level);
	add_scope(q, list, &scope);
}

static void add_learnt(struct question *q, json_t *list, struct lane_view *view, int64_t now_us)
{
	struct limit_scope lane = scope_of(q, LEVEL_LANE);
	struct learnt_cap learnt[LANE_LEARNT_MAX];
	size_t count = lane_view_learnt(view, learnt);
	for (size_t i = 0; i < count; i++) {
		const struct learnt_cap *l = &learnt[i];
		struct cap_view v = {&lane, &l->cap, l->kind, l->period};
		add_cap(q, list, &v);
		json_t *entry = json_array_get(list, json_array_size(list) - 1);
		if (l->learnt_ms != 0)
			json_object_set_new(
				entry, "learnt_at",
				json_integer(now_us + (l->learnt_ms - view->now_ms) * 1000));
		if (l->reply != NULL)
			json_object_set_new(entry, "reply",
					    json_of_text_or_null(str_from(l->reply)));
	}
}

/* Sending domains and campaigns with a limit of their own here, each once. */
static void add_parties(struct question *q, json_t *list)
{
	const struct limit_rules *all = &q->snapshot->limits;
	for (size_t i = 0; i < all->count; i++) {
		const struct limit_rule *rule = &all->rules[i];
		struct limit_scope scope = scope_of(q, limit_rule_level(rule));
		bool is_first = true;
		scope.domain = rule->domain;
		scope.campaign = rule->campaign;
		for (size_t k = 0; k < i; k++)
			is_first &= !limit_rule_matches(&all->rules[k], &scope);
		bool is_party = scope.level == LEVEL_DOMAIN || scope.level == LEVEL_CAMPAIGN;
		if (is_party && is_first && limit_rule_matches(rule, &scope))
			add_scope(q, list, &scope);
	}
}

/* A lane that has not sent yet, but whose warm-up was steered, has learnt nothing. */
static json_t *learnt_json(const struct lane_record *lane)
{
	if (lane == NULL || lane->state.controller.connections <= 0)
		return json_null();
	const struct controller_state *c = &lane->state.controller;
	return json_pack("{s:f, s:f, s:b, s:f, s:f, s:I}", "connections", c->connections,
			 "connections_ceiling", c->connections_ceiling, "connections_refused",
			 c->connections_cut_age_ms >= 0, "messages_a_second", c->rate,
			 "messages_a_second_ceiling", c->rate_ceiling, "age_ms",
			 (json_int_t)lane->age_ms);
}

static const struct warmup_plan *plan_of(const struct question *q)
{
	return &q->snapshot->plans[q->source - q->snapshot->sources];
}

static json_t *warmup_json(const struct question *q, const struct lane_record *lane)
{
	const struct warmup_plan *plan = plan_of(q);
	struct lane_warmup w = {.budget = plan->count > 0 ? plan->budgets[0] : -1};
	if (plan->count == 0)
		return json_null();
	if (lane != NULL)
		w = lane_warmup(plan, lane);
	return json_pack("{s:i, s:i, s:o, s:b}", "step", (int)w.step, "steps", (int)plan->count,
			 "budget_a_day", w.budget < 0 ? json_null() : json_integer(w.budget),
			 "held", lane != NULL && lane->warmup_held);
}

static json_t *pause_json(const struct question *q)
{
	struct limit_scope lane = scope_of(q, LEVEL_LANE);
	const struct pause *p = pause_of_lane(q->snapshot->pauses, q->snapshot->pause_count, &lane,
					      q->snapshot->loaded_ms);
	if (p == NULL)
		return json_null();
	return json_pack("{s:I, s:s, s:o, s:o, s:o}", "id", (json_int_t)p->id, "origin",
			 pause_origin_name(p->origin), "who", json_of_str(p->who), "because",
			 json_of_text_or_null(p->because), "left_ms",
			 steer_left_json(p->until_ms, q->snapshot->loaded_ms));
}

/* Those with mail here that wait for a limit of their own. */
static int add_campaigns(struct cli *cli, struct question *q, struct err *err)
{
	json_t *campaigns = json_array(), *waiting, *name;
	size_t i, j;
	json_object_set_new(q->answer, "campaigns", campaigns);
	json_t *live = live_load(cli->db, err);
	if (live == NULL)
		return -1;
	json_array_foreach(json_object_get(live, "waiting"), i, waiting)
	{
		json_array_foreach(json_object_get(waiting, "queues"), j, name)
		{
			if (str_equals(str_from(json_string_value(name)), q->target))
				json_array_append(campaigns, waiting);
		}
	}
	json_object_set(q->answer, "now_at", json_object_get(live, "now_at"));
	json_object_set_new(q->answer, "has_node", json_boolean(live_has_node(live)));
	json_decref(live);
	return 0;
}

static json_t *caps_json(struct question *q, struct lane_view *view, int64_t now_us)
{
	json_t *caps = json_array();
	add_level(q, caps, LEVEL_LANE);
	add_learnt(q, caps, view, now_us);
	add_level(q, caps, LEVEL_SOURCE);
	add_level(q, caps, LEVEL_PROVIDER);
	add_parties(q, caps);
	add_level(q, caps, LEVEL_NODE);
	return caps;
}

static bool is_same(const json_t *a, const json_t *b, const char *key)
{
	const json_t *x = json_object_get(a, key), *y = json_object_get(b, key);
	bool has_x = x != NULL && !json_is_null(x), has_y = y != NULL && !json_is_null(y);
	return has_x == has_y && (!has_x || json_equal(x, y));
}

/* The controller's number, whatever it came from. */
static bool is_controlled(const char *origin)
{
	return strcmp(origin, "start") == 0 || strcmp(origin, "learnt") == 0 ||
	       strcmp(origin, "back-off") == 0;
}

/* A start becomes a back-off, that what was learnt, while what was saved is of before. */
static bool is_same_origin(const json_t *a, const json_t *b)
{
	const char *x = text_of(a, "origin"), *y = text_of(b, "origin");
	return is_controlled(x) ? is_controlled(y) : strcmp(x, y) == 0;
}

/* The cap that a node says binds its lane; what it learnt meanwhile may be another number. */
static void mark_binding(json_t *caps, const json_t *binds)
{
	size_t i;
	json_t *cap;
	json_array_foreach(caps, i, cap)
	{
		bool is_it = binds != NULL && is_same(cap, binds, "level") &&
			     is_same(cap, binds, "kind") && is_same(cap, binds, "per") &&
			     is_same(cap, binds, "limit_id") && is_same_origin(cap, binds);
		json_object_set_new(cap, "binds", json_boolean(is_it));
	}
}

/* What the node says of now, else what follows from what was saved. */
static void add_outlook(struct question *q, struct lane_view *view)
{
	json_t *lane = json_object_get(json_object_get(q->answer, "live"), "lane");
	json_t *binds = json_object_get(lane, "binds"), *next = json_object_get(lane, "next");
	int64_t now_us = json_integer_value(json_object_get(q->answer, "now_at"));
	if (next != NULL) {
		json_object_set(q->answer, "next", next);
		json_object_set(q->answer, "binds", binds ? binds : json_null());
	} else {
		binds = lane_view_binds(view, now_us);
		json_object_set_new(q->answer, "next", lane_view_next(view, now_us));
		json_object_set_new(q->answer, "binds", binds ? binds : json_null());
	}
	mark_binding(json_object_get(q->answer, "caps"), json_object_get(q->answer, "binds"));
	json_object_set(q->answer, "sent_per_s", json_object_get(lane, "sent_per_s"));
}

/* What the database has of it beside the snapshot. */
static int add_live(struct cli *cli, struct question *q, struct err *err)
{
	json_t *live = NULL, *shares = NULL;
	if (lane_live_read(cli->db, q->source->name, q->target, &live, err) != 0)
		return -1;
	json_object_set_new(q->answer, "live", live ? live : json_null());
	if (lane_shares_read(cli->db, q->target, &shares, err) != 0)
		return -1;
	json_object_set_new(q->answer, "shares", shares);
	return add_campaigns(cli, q, err);
}

static int collect(struct cli *cli, struct question *q, struct err *err)
{
	must(q->source != NULL);
	const struct lane_record *lane = ip_pool_lane(q->snapshot, q->source->id, q->target);
	struct limit_scope scope = scope_of(q, LEVEL_LANE);
	struct lane_view view;
	q->answer = json_pack("{s:o, s:o, s:b, s:s, s:o, s:o, s:o}", "source",
			      json_of_str(q->source->name), "target", json_of_str(q->target),
			      "tail", q->provider == NULL, "source_state",
			      source_state_name(q->source->state), "learnt", learnt_json(lane),
			      "warmup", warmup_json(q, lane), "paused", pause_json(q));
	if (add_live(cli, q, err) != 0)
		return -1;
	lane_view_init(&view, q->snapshot, &scope);
	lane_view_take_live(&view, json_object_get(json_object_get(q->answer, "live"), "lane"));
	int64_t now_us = json_integer_value(json_object_get(q->answer, "now_at"));
	json_object_set_new(q->answer, "caps", caps_json(q, &view, now_us));
	add_outlook(q, &view);
	return 0;
}

/* ----------------------------------------------------------------------------------------- verb
 */

static int show_answer(struct cli *cli, json_t *answer)
{
	if (!cli->wants_json) {
		lane_print_answer(cli, answer);
		return 0;
	}
	document_publish(answer);
	return cli_print_json(cli, json_incref(answer));
}

static int find_lane(struct cli *cli, struct question *q, struct str name, struct err *err)
{
	struct str target = name;
	struct str source = str_take_until(&target, '/');
	/* A lane that has no mail yet may be asked about: of its source and provider there is more
	 * to say. */
	if (str_is_empty(source) || str_is_empty(target))
		return steer_check_lane(cli, q->snapshot, name, err);
	if (steer_check_source(q->snapshot, source, err) != 0 ||
	    steer_check_provider(q->snapshot, target, err) != 0)
		return -1;
	q->source = ip_pool_source(q->snapshot, source);
	q->provider = provider_find(q->snapshot->providers, target);
	q->target = target;
	return 0;
}

int lane_run_explain(struct cli *cli, struct err *err)
{
	struct ip_pool_snapshot *s = NULL;
	if (steer_load(cli, &s, err) != 0)
		return -1;
	struct question q = {.db = cli->db, .snapshot = s};
	int result = find_lane(cli, &q, str_from(cli_arg(cli, 0)), err);
	if (result == 0)
		result = collect(cli, &q, err);
	if (result == 0)
		result = show_answer(cli, q.answer);
	json_decref(q.answer);
	ip_pool_snapshot_drop(s);
	return result;
}
