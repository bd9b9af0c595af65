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
	load_warmup(v, &s->plans[source - s->sources], lane, now);
	const struct pause *pause = pause_of_lane(s->pauses, s->pause_count, scope, now);
	v->limits.paused_until_ms = pause ? pause->until_ms : 0;
}

static size_t add(struct learnt_cap *out, size_t n, struct learnt_cap cap)
{
	if (cap.cap.count < 0)
		return n;
	out[n] = cap;
	return n + 1;
}

size_t lane_view_learnt(struct lane_view *v, struct learnt_cap out[LANE_LEARNT_MAX])
{
	static const enum limit_period periods[WINDOW_COUNT] = {LIMIT_MINUTE, LIMIT_HOUR,
								LIMIT_DAY};
	size_t n = 0;
	struct cap connections = lane_connections_cap(&v->limits, v->now_ms);
	struct cap rate = lane_rate_cap(&v->limits, v->now_ms);
	struct cap other = {.until_ms = LIMIT_FOREVER, .origin = ORIGIN_LEARNT};
	if (v->has_learnt && connections.origin != ORIGIN_OPERATOR &&
	    connections.origin != ORIGIN_PROFILE && connections.origin != ORIGIN_DEFAULT)
		n = add(out, n, (struct learnt_cap){LIMIT_CONNECTIONS, LIMIT_SECOND, connections});
	n = add(out, n, (struct learnt_cap){LIMIT_MESSAGES, LIMIT_MINUTE, rate});
	for (int i = 0; i < WINDOW_COUNT; i++) {
		other.count = windows_cap(&v->limits.windows, (enum window)i);
		n = add(out, n, (struct learnt_cap){LIMIT_MESSAGES, periods[i], other});
	}
	other.origin = ORIGIN_WARMUP;
	other.count = v->limits.warmup != NULL ? warmup_budget(v->limits.warmup) : -1;
	return add(out, n, (struct learnt_cap){LIMIT_MESSAGES, LIMIT_DAY, other});
}

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
	return change;
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
