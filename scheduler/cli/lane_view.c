/* SPDX-License-Identifier: MIT */
/* A lane as the database has it: limits, what it had learnt when it was saved, what comes next. */
#include "scheduler/cli/lane_private.h"

#include "ip-pool/explain.h"

#define SAYS_MAX 512

static void bind_shared(struct lane_view *v, const struct ip_pool_snapshot *s)
{
	static const enum limit_level levels[] = {LEVEL_SOURCE, LEVEL_PROVIDER, LEVEL_NODE};
	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		struct limit_scope scope = v->limits.limiter.scope;
		scope.level = levels[i];
		limiter_init(&v->shared[levels[i]], &scope, s->loaded_ms);
		limiter_bind(&v->shared[levels[i]], &s->limits, NULL, s->loaded_ms);
		v->path.shared[levels[i]] = &v->shared[levels[i]];
	}
}

static void load_warmup(struct lane_view *v, const struct warmup_plan *plan,
			const struct lane_record *lane, int64_t now)
{
	static const struct lane_record fresh = {.source = 0};
	if (plan->count == 0)
		return;
	if (lane == NULL)
		lane = &fresh;
	warmup_state_load(&v->warmup, plan, &lane->warmup, lane->age_ms, now);
	warmup_follow(&v->warmup, lane->warmup_advanced, lane->warmup_held, now);
	v->limits.warmup = &v->warmup;
}

void lane_view_init(struct lane_view *v, const struct ip_pool_snapshot *s,
		    const struct limit_scope *scope)
{
	struct str target = str_is_empty(scope->provider) ? scope->site : scope->provider;
	const struct source *source = ip_pool_source(s, scope->source);
	const struct provider *provider = provider_find(s->providers, scope->provider);
	const struct lane_record *lane = ip_pool_lane(s, source->id, target);
	int64_t now = s->loaded_ms;
	*v = (struct lane_view){.now_ms = now, .path = {.lane = &v->limits}};
	lane_limits_init(&v->limits, scope, provider, now);
	lane_limits_bind(&v->limits, &s->limits, provider, now);
	bind_shared(v, s);
	/* A lane that has not sent yet, but whose warm-up was steered, has learnt nothing. */
	v->has_learnt = lane != NULL && lane->state.controller.connections > 0;
	if (v->has_learnt)
		lane_state_load(&v->limits, &lane->state, lane->age_ms, now);
	/* A node that loads it probes at once; here it is another's that is looked at. */
	if (v->has_learnt && health_is_dead(&v->limits.health))
		v->limits.health.probe_at_ms =
			now - lane->age_ms + lane->state.health.probe_left_ms;
	load_warmup(v, &s->plans[source - s->sources], lane, now);
	const struct pause *pause = pause_of_lane(s->pauses, s->pause_count, scope, now);
	v->limits.paused_until_ms = pause ? pause->until_ms : 0;
}

void lane_view_take_live(struct lane_view *v, const json_t *live)
{
	const json_t *connections = json_object_get(live, "learnt_connections");
	double rate = json_number_value(json_object_get(live, "learnt_per_s"));
	if (!json_is_integer(connections))
		return;
	v->limits.controller.connections.level = (double)json_integer_value(connections);
	v->limits.controller.rate.level = rate;
	v->has_learnt = true;
}

/* -------------------------------------------------------------------------------------- learnt */

const char *lane_rest_name(enum lane_rest_kind kind)
{
#define X(suffix, name) [LANE_REST_##suffix] = name,
	static const char *const names[] = {LANE_RESTS(X)};
#undef X
	return names[kind];
}

struct lane_rest lane_view_rest(const struct lane_view *v)
{
	const struct health *health = &v->limits.health;
	const struct windows *windows = &v->limits.windows;
	if (health->rests_until_ms > v->now_ms)
		return (struct lane_rest){health->is_blocked ? LANE_REST_BLOCKED : LANE_REST_ASKED,
					  health->rests_until_ms, v->limits.replies[LESSON_REST]};
	if (windows_are_away(windows))
		return (struct lane_rest){LANE_REST_AWAY, windows->probe_at_ms, windows->reply};
	if (health_is_dead(health))
		return (struct lane_rest){LANE_REST_DEAD, health->probe_at_ms, ""};
	return (struct lane_rest){LANE_REST_NONE, 0, ""};
}

/* The list under construction. */
struct learnt_list {
	struct learnt_cap *caps;
	size_t count;
};

static void add(struct learnt_list *list, struct learnt_cap cap)
{
	if (cap.cap.count >= 0)
		list->caps[list->count++] = cap;
}

static void add_rest(struct lane_view *v, struct learnt_list *list)
{
	struct lane_rest rest = lane_view_rest(v);
	if (rest.kind == LANE_REST_NONE || rest.kind == LANE_REST_DEAD)
		return;
	add(list,
	    (struct learnt_cap){
		    .kind = LIMIT_MESSAGES,
		    .cap = {.count = 0, .until_ms = rest.until_ms, .origin = ORIGIN_BACKOFF},
		    .learnt_ms = rest.kind == LANE_REST_AWAY ? v->limits.windows.away_since_ms : 0,
		    .reply = rest.reply,
		    .is_of_windows = rest.kind == LANE_REST_AWAY});
}

static struct learnt_cap controlled(const struct lane_view *v, struct cap cap, bool is_rate)
{
	const struct controller *c = &v->limits.controller;
	const struct control *k = is_rate ? &c->rate : &c->connections;
	return (struct learnt_cap){
		.kind = is_rate ? LIMIT_MESSAGES : LIMIT_CONNECTIONS,
		.period = is_rate ? LIMIT_MINUTE : LIMIT_SECOND,
		.cap = cap,
		.learnt_ms = k->has_signal ? k->cut_ms : 0,
		.reply = k->has_signal
				 ? v->limits.replies[is_rate ? LESSON_RATE : LESSON_CONNECTIONS]
				 : NULL};
}

size_t lane_view_learnt(struct lane_view *v, struct learnt_cap out[LANE_LEARNT_MAX])
{
	static const enum limit_period periods[WINDOW_COUNT] = {LIMIT_MINUTE, LIMIT_HOUR,
								LIMIT_DAY};
	struct learnt_list list = {.caps = out};
	struct cap connections = lane_connections_cap(&v->limits, v->now_ms);
	struct cap other = {.until_ms = LIMIT_FOREVER, .origin = ORIGIN_LEARNT};
	add_rest(v, &list);
	if (v->has_learnt && connections.origin != ORIGIN_OPERATOR &&
	    connections.origin != ORIGIN_PROFILE && connections.origin != ORIGIN_DEFAULT)
		add(&list, controlled(v, connections, false));
	add(&list, controlled(v, lane_rate_cap(&v->limits, v->now_ms), true));
	for (int i = 0; i < WINDOW_COUNT; i++) {
		const struct window_cap *cap = &v->limits.windows.caps[i];
		other.count = cap->count;
		add(&list, (struct learnt_cap){LIMIT_MESSAGES, periods[i], other, cap->learnt_ms,
					       cap->reply, true});
	}
	add(&list, (struct learnt_cap){.kind = LIMIT_MESSAGES_PER_CONNECTION,
				       .period = LIMIT_SECOND,
				       .cap = lane_learnt_messages_cap(&v->limits, v->now_ms),
				       .learnt_ms = v->limits.messages_cap_ms,
				       .reply = v->limits.replies[LESSON_MESSAGES]});
	other.origin = ORIGIN_WARMUP;
	other.count = v->limits.warmup != NULL ? warmup_budget(v->limits.warmup) : -1;
	add(&list, (struct learnt_cap){LIMIT_MESSAGES, LIMIT_DAY, other, 0, NULL, false});
	return list.count;
}

bool lane_view_is_tighter(struct lane_view *v, const struct learnt_cap *cap)
{
	const struct caps *caps = limiter_caps(&v->limits.limiter, v->now_ms);
	bool is_each = cap->kind == LIMIT_MESSAGES_PER_CONNECTION;
	int64_t configured =
		is_each ? caps->messages_per_connection.count
			: caps_of_meter(caps, limit_meter(cap->kind, cap->period))->count;
	return cap->reply != NULL && (configured == LIMIT_NONE || cap->cap.count < configured);
}

/* ------------------------------------------------------------------------------------- outlook */

static json_t *change_json(const struct next_change *c, int64_t now, int64_t now_us)
{
	struct buf says;
	buf_init(&says, SAYS_MAX);
	explain_change(c, now, &says);
	json_t *change = json_pack("{s:s, s:s, s:s%}", "what", change_name(c->kind), "level",
				   limit_level_name(c->level), "says", says.data, says.len);
	buf_done(&says);
	if (c->at_ms > now)
		json_object_set_new(change, "at", json_integer(now_us + (c->at_ms - now) * 1000));
	if (c->messages > 0)
		json_object_set_new(change, "messages", json_integer(c->messages));
	if (c->from != 0 || c->to != 0) {
		json_object_set_new(change, "from", json_real(c->from));
		json_object_set_new(change, "to", json_real(c->to));
	}
	if (c->rule != 0)
		json_object_set_new(change, "limit_id", json_integer(c->rule));
	if (!change_is_of_limit(c->kind))
		return change;
	json_object_set_new(change, "kind", json_string(limit_kind_name(c->limit)));
	json_object_set_new(change, "per", json_string(limit_period_name(c->period)));
	return change;
}

json_t *lane_view_binds(struct lane_view *v, int64_t now_us)
{
	struct limiter_wait wait;
	struct buf says;
	if (!lane_binding(&v->path, v->now_ms, &wait))
		return NULL;
	bool has_period = wait.kind == LIMIT_MESSAGES || wait.kind == LIMIT_NEW_CONNECTIONS;
	buf_init(&says, SAYS_MAX);
	explain_wait(&wait, path_scope(&v->path, wait.level), v->now_ms, &says);
	json_t *binds = json_pack("{s:s, s:s, s:s*, s:I, s:s, s:s%}", "level",
				  limit_level_name(wait.level), "kind", limit_kind_name(wait.kind),
				  "per", has_period ? limit_period_name(wait.period) : NULL,
				  "count", (json_int_t)wait.cap.count, "origin",
				  limit_origin_name(wait.cap.origin), "says", says.data, says.len);
	buf_done(&says);
	if (wait.cap.rule != 0)
		json_object_set_new(binds, "limit_id", json_integer(wait.cap.rule));
	if (wait.at_ms != LIMITER_ON_EVENT)
		json_object_set_new(binds, "until",
				    json_integer(now_us + (wait.at_ms - v->now_ms) * 1000));
	return binds;
}

json_t *lane_view_next(struct lane_view *v, int64_t now_us)
{
	struct next_change changes[OUTLOOK_MAX];
	size_t count = lane_outlook(&v->path, v->now_ms, changes);
	json_t *next = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(next, change_json(&changes[i], v->now_ms, now_us));
	return next;
}
