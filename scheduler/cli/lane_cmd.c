/* SPDX-License-Identifier: MIT */
/* The verb limit explain: every number that holds for a lane and where it comes from. */
#include <string.h>

#include "engine/base/clock.h"
#include "ip-pool/explain.h"
#include "scheduler/cli/steer_private.h"
#include "scheduler/cli/lane_private.h"
#include "scheduler/cli/time_text_private.h"
#include "scheduler/cli/table_private.h"
#include "scheduler/report/why_say.h"
#include "scheduler/setup/lane_live.h"

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

static long long number_of(const json_t *object, const char *key)
{
	return (long long)json_integer_value(json_object_get(object, key));
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

static void add_cap(struct question *q, json_t *caps, const struct cap_view *v)
{
	int64_t now = q->snapshot->loaded_ms;
	struct buf scope, says;
	if (v->cap->count == LIMIT_NONE)
		return;
	buf_init(&scope, 1024);
	buf_init(&says, 1024);
	explain_scope(v->scope, &scope);
	explain_cap(v->cap, v->kind, v->period, now, &says);
	const struct limit_rule *rule = rule_of(q, v->cap->rule);
	bool has_period = v->kind == LIMIT_MESSAGES || v->kind == LIMIT_NEW_CONNECTIONS;
	json_array_append_new(
		caps,
		json_pack("{s:s, s:o, s:s, s:s?, s:I, s:s, s:o, s:o, s:o, s:o, s:o}", "level",
			  limit_level_name(v->scope->level), "scope", json_of_str(buf_str(&scope)),
			  "kind", limit_kind_name(v->kind), "per",
			  has_period ? limit_period_name(v->period) : NULL, "count",
			  (json_int_t)v->cap->count, "origin", limit_origin_name(v->cap->origin),
			  "limit_id", v->cap->rule ? json_integer(v->cap->rule) : json_null(),
			  "left_ms", steer_left_json(v->cap->until_ms, now), "set_by",
			  rule ? json_of_str(rule->set_by) : json_null(), "because",
			  rule ? json_of_text_or_null(rule->because) : json_null(), "says",
			  json_of_str(buf_str(&says))));
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

static void add_learnt(struct question *q, json_t *list, struct lane_view *view)
{
	struct limit_scope lane = scope_of(q, LEVEL_LANE);
	struct learnt_cap learnt[LANE_LEARNT_MAX];
	size_t count = lane_view_learnt(view, learnt);
	for (size_t i = 0; i < count; i++) {
		struct cap_view v = {&lane, &learnt[i].cap, learnt[i].kind, learnt[i].period};
		add_cap(q, list, &v);
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
	return json_pack("{s:f, s:f, s:f, s:f, s:I}", "connections", c->connections,
			 "connections_ceiling", c->connections_ceiling, "messages_a_second",
			 c->rate, "messages_a_second_ceiling", c->rate_ceiling, "age_ms",
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
	json_decref(live);
	return 0;
}

static json_t *caps_json(struct question *q, struct lane_view *view)
{
	json_t *caps = json_array();
	add_level(q, caps, LEVEL_LANE);
	add_learnt(q, caps, view);
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

/* A back-off that is over is learnt. */
static bool is_same_origin(const json_t *a, const json_t *b)
{
	static const char learnt[] = "learnt", backoff[] = "back-off";
	const char *x = text_of(a, "origin"), *y = text_of(b, "origin");
	return strcmp(strcmp(x, backoff) == 0 ? learnt : x, strcmp(y, backoff) == 0 ? learnt : y) ==
	       0;
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
	mark_binding(json_object_get(q->answer, "caps"), binds);
	json_object_set(q->answer, "binds", binds ? binds : json_null());
	json_object_set(q->answer, "sent_per_s", json_object_get(lane, "sent_per_s"));
	if (next != NULL)
		json_object_set(q->answer, "next", next);
	else
		json_object_set_new(q->answer, "next", lane_view_next(view, now_us));
}

static int collect(struct cli *cli, struct question *q, struct err *err)
{
	must(q->source != NULL);
	const struct lane_record *lane = ip_pool_lane(q->snapshot, q->source->id, q->target);
	struct limit_scope scope = scope_of(q, LEVEL_LANE);
	struct lane_view view;
	json_t *live = NULL;
	lane_view_init(&view, q->snapshot, &scope);
	json_t *caps = caps_json(q, &view);
	q->answer = json_pack(
		"{s:o, s:o, s:b, s:s, s:o, s:o, s:o, s:o}", "source", json_of_str(q->source->name),
		"target", json_of_str(q->target), "tail", q->provider == NULL, "source_state",
		source_state_name(q->source->state), "caps", caps, "learnt", learnt_json(lane),
		"warmup", warmup_json(q, lane), "paused", pause_json(q));
	if (lane_live_read(cli->db, q->source->name, q->target, &live, err) != 0)
		return -1;
	json_object_set_new(q->answer, "live", live ? live : json_null());
	json_t *shares = NULL;
	if (lane_shares_read(cli->db, q->target, &shares, err) != 0)
		return -1;
	json_object_set_new(q->answer, "shares", shares);
	if (add_campaigns(cli, q, err) != 0)
		return -1;
	add_outlook(q, &view);
	return 0;
}

/* -------------------------------------------------------------------------------------- printing
 */

static void print_caps(struct cli *cli, const json_t *caps)
{
	struct table t;
	table_init(&t, "applies to|limit|now|set by|because");
	for (size_t i = 0; i < json_array_size(caps); i++) {
		const json_t *cap = json_array_get(caps, i);
		table_str(&t, str_from(text_of(cap, "scope")));
		table_str(&t, str_from(text_of(cap, "says")));
		table_str_or_dash(&t, json_is_true(json_object_get(cap, "binds")) ? STR("binds")
										  : STR(""));
		table_str_or_dash(&t, str_from(text_of(cap, "set_by")));
		table_str_or_dash(&t, str_from(text_of(cap, "because")));
	}
	table_print(&t, cli, "no limit at all");
}

static void print_pause(struct cli *cli, const json_t *pause)
{
	if (json_is_null(pause))
		return;
	cli_printf(cli, "paused by %s (pause %lld)%s%s; edm resume --id %lld lifts it\n",
		   text_of(pause, "who"), number_of(pause, "id"),
		   text_of(pause, "because")[0] ? ": " : "", text_of(pause, "because"),
		   number_of(pause, "id"));
}

static void print_learnt(struct cli *cli, const json_t *learnt, const json_t *warmup)
{
	if (!json_is_null(learnt)) {
		cli_printf(cli, "learnt: %.1f connections",
			   json_number_value(json_object_get(learnt, "connections")));
		double rate = json_number_value(json_object_get(learnt, "messages_a_second"));
		if (rate > 0)
			cli_printf(cli, ", %.2f messages/s", rate);
		cli_printf(cli, " (saved %lld s ago)\n", number_of(learnt, "age_ms") / 1000);
	}
	if (json_is_null(warmup))
		return;
	if (json_is_null(json_object_get(warmup, "budget_a_day")))
		cli_printf(cli, "warm-up: over\n");
	else
		cli_printf(cli, "warm-up: step %lld of %lld, %lld %s a day%s\n",
			   number_of(warmup, "step") + 1, number_of(warmup, "steps"),
			   number_of(warmup, "budget_a_day"),
			   plural(number_of(warmup, "budget_a_day"), "message", "messages"),
			   json_is_true(json_object_get(warmup, "held")) ? ", held" : "");
}

static void print_shares(struct cli *cli, const json_t *shares)
{
	for (size_t i = 0; i < json_array_size(shares); i++) {
		const json_t *share = json_array_get(shares, i);
		const char *per = text_of(share, "per");
		cli_printf(
			cli,
			"over all nodes, %s %s=%lld%s%s: %s has a share of %lld, for another %lld "
			"s unless it is renewed\n",
			text_of(share, "scope"), text_of(share, "kind"), number_of(share, "limit"),
			per[0] ? "/" : "", per, text_of(share, "node"), number_of(share, "share"),
			number_of(share, "left_ms") / 1000);
	}
}

static void print_live(struct cli *cli, const json_t *live)
{
	const json_t *lane = json_object_get(live, "lane");
	if (json_is_null(live)) {
		cli_printf(cli, "now: no node shows this lane; nothing is sent on it\n");
		return;
	}
	cli_printf(cli, "now, on node %s (%lld s ago): %lld connections of %lld, %lld queued",
		   text_of(live, "node"), number_of(live, "age_ms") / 1000,
		   number_of(lane, "sessions"), number_of(lane, "allowed"),
		   number_of(lane, "queued"));
	/* What binds it says the same, unless its host takes no connection. */
	bool is_said =
		json_object_get(lane, "binds") != NULL && json_object_get(lane, "refused") == NULL;
	if (text_of(lane, "waits")[0] != '\0' && !is_said)
		cli_printf(cli, "; %s", text_of(lane, "waits"));
	cli_printf(cli, "\n");
}

/* How much goes, what binds it, and what changes next; none of it for a lane that never sent. */
static void print_outlook(struct cli *cli, const struct question *q)
{
	const json_t *sent = json_object_get(q->answer, "sent_per_s");
	const json_t *binds = json_object_get(q->answer, "binds");
	int64_t now_us = number_of(q->answer, "now_at");
	char at[TIME_TEXT_MAX];
	size_t i;
	json_t *change;
	if (json_is_number(sent))
		cli_printf(cli, "sends %.1f messages/s", json_number_value(sent));
	if (json_is_number(sent))
		cli_printf(cli, "%s%s\n", json_is_null(binds) ? "; no limit binds it" : "; binds: ",
			   text_of(binds, "says"));
	json_array_foreach(json_object_get(q->answer, "next"), i, change)
	{
		cli_printf(cli, "next: %s", text_of(change, "says"));
		if (number_of(change, "at") > now_us)
			cli_printf(cli, " (%s)", time_words(number_of(change, "at"), at));
		cli_printf(cli, "\n");
	}
}

/* What the receiver limits here that is not the lane. */
static void print_limited(struct cli *cli, const struct question *q)
{
	const json_t *lane = json_object_get(json_object_get(q->answer, "live"), "lane");
	size_t i;
	json_t *party;
	json_array_foreach(json_object_get(lane, "limited"), i, party)
	{
		bool is_campaign = strcmp(text_of(party, "level"), "campaign") == 0;
		cli_printf(cli, "limited here: %s %s, ", is_campaign ? "campaign" : "domain",
			   text_of(party, "name"));
		if (number_of(party, "value") == 0)
			cli_printf(cli, "nothing is sent (%s)\n", text_of(party, "origin"));
		else
			cli_printf(cli, "%.2f messages/s (%s)\n",
				   json_number_value(json_object_get(party, "per_s")),
				   text_of(party, "origin"));
	}
}

/* Limits of campaigns that keep their mail on this lane back. */
static void print_campaigns(struct cli *cli, const struct question *q)
{
	struct buf text;
	size_t i;
	json_t *waiting;
	buf_init(&text, 4096);
	const struct why_context w = {.language = LANGUAGE_EN,
				      .now_us = number_of(q->answer, "now_at")};
	json_array_foreach(json_object_get(q->answer, "campaigns"), i, waiting)
	{
		buf_clear(&text);
		why_say_waiting(&w, waiting, &text);
		cli_printf(cli, "campaign %s: %.*s\n", text_of(waiting, "campaign"),
			   STR_ARG(buf_str(&text)));
	}
	buf_done(&text);
}

static int print_answer(struct cli *cli, const struct question *q)
{
	if (cli->wants_json) {
		document_publish(q->answer);
		return cli_print_json(cli, json_incref(q->answer));
	}
	cli_printf(cli, "lane %.*s/%.*s, source %s\n", STR_ARG(q->source->name), STR_ARG(q->target),
		   source_state_name(q->source->state));
	print_pause(cli, json_object_get(q->answer, "paused"));
	print_live(cli, json_object_get(q->answer, "live"));
	print_outlook(cli, q);
	print_limited(cli, q);
	print_campaigns(cli, q);
	print_shares(cli, json_object_get(q->answer, "shares"));
	print_learnt(cli, json_object_get(q->answer, "learnt"),
		     json_object_get(q->answer, "warmup"));
	cli_printf(cli, "\n");
	print_caps(cli, json_object_get(q->answer, "caps"));
	return 0;
}

static int find_lane(struct question *q, struct str name, struct err *err)
{
	struct str target = name;
	struct str source = str_take_until(&target, '/');
	if (str_is_empty(source) || str_is_empty(target))
		return err_set(err, ERR_USAGE,
			       "\"%.*s\" is no lane: write SOURCE/PROVIDER or SOURCE/SITE, as in "
			       "mx1/qq",
			       STR_ARG(name));
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
	struct question q = {.snapshot = s};
	int result = find_lane(&q, str_from(cli_arg(cli, 0)), err);
	if (result == 0)
		result = collect(cli, &q, err);
	if (result == 0)
		result = print_answer(cli, &q);
	json_decref(q.answer);
	ip_pool_snapshot_drop(s);
	return result;
}
