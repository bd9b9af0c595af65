/* SPDX-License-Identifier: MIT */
/* Lane and warm-up state to and from JSON. Pure. */
#include "ip-pool/lane_state.h"

#include <jansson.h>
#include <math.h>
#include <string.h>

#include "engine/base/utf8.h"

/* Keys of the numbers that are times or counts, and of those that are levels. */
#define CONTROLLER_INTS(X)                                                                         \
	X(connections_cut_age_ms)                                                                  \
	X(rate_cut_age_ms)                                                                         \
	X(connections_hold_ms)                                                                     \
	X(rate_hold_ms)                                                                            \
	X(ceiling_age_ms)                                                                          \
	X(rate_ceiling_age_ms)
#define CONTROLLER_LEVELS(X)                                                                       \
	X(connections)                                                                             \
	X(connections_ceiling)                                                                     \
	X(rate)                                                                                    \
	X(rate_ceiling)
#define WINDOWS_INTS(X)                                                                            \
	X(away_ms)                                                                                 \
	X(probe_left_ms)                                                                           \
	X(probe_wait_ms)                                                                           \
	X(probe_most_ms)                                                                           \
	X(let_in_ms)
/* One number for each window. */
#define WINDOWS_LISTS(X)                                                                           \
	X(caps)                                                                                    \
	X(failed)                                                                                  \
	X(ages_ms)                                                                                 \
	X(patience)                                                                                \
	X(used_ms)                                                                                 \
	X(proven)                                                                                  \
	X(sent)                                                                                    \
	X(learnt_ages_ms)
#define WARMUP_INTS(X)                                                                             \
	X(advanced)                                                                                \
	X(day_age_ms)                                                                              \
	X(sent)                                                                                    \
	X(deferred)                                                                                \
	X(blocked)                                                                                 \
	X(failed_step)                                                                             \
	X(patience)                                                                                \
	X(clean_days)                                                                              \
	X(plan_us)

static const struct lane_state fresh = {
	.controller = {.connections_cut_age_ms = -1, .rate_cut_age_ms = -1},
	.health = {.dead_for_ms = -1},
	.windows = {.caps = {-1, -1, -1}, .away_ms = -1, .learnt_ages_ms = {-1, -1, -1}},
};

/* Keys of the replies, lesson by lesson. */
static const char *const reply_keys[LANE_LESSONS] = {[LESSON_CONNECTIONS] = "connections_reply",
						     [LESSON_RATE] = "rate_reply",
						     [LESSON_REST] = "rest_reply",
						     [LESSON_MESSAGES] = "messages_reply"};

void lane_state_save(const struct lane_limits *l, int64_t now, struct lane_state *state_out)
{
	controller_save(&l->controller, now, &state_out->controller);
	health_save(&l->health, now, &state_out->health);
	windows_save(&l->windows, now, &state_out->windows);
	state_out->messages_cap = l->messages_cap;
	state_out->messages_cap_age_ms = now - l->messages_cap_ms;
	memcpy(state_out->replies, l->replies, sizeof(l->replies));
	state_out->forgotten = l->forgotten;
}

void lane_state_load(struct lane_limits *l, const struct lane_state *state, int64_t age_ms,
		     int64_t now)
{
	controller_load(&l->controller, &state->controller, age_ms, now);
	health_load(&l->health, &state->health, age_ms, now);
	windows_load(&l->windows, &state->windows, age_ms, now);
	l->messages_cap = state->messages_cap;
	l->messages_cap_ms = now - age_ms - state->messages_cap_age_ms;
	memcpy(l->replies, state->replies, sizeof(l->replies));
	l->forgotten = state->forgotten;
}

void lane_state_forget(struct lane_state *state, int64_t forgotten)
{
	if (forgotten <= state->forgotten)
		return;
	struct lane_state kept = fresh;
	kept.health = state->health;
	if (state->health.is_blocked) {
		memcpy(kept.replies[LESSON_REST], state->replies[LESSON_REST], LANE_REPLY_MAX);
	} else {
		kept.health.rest_left_ms = 0;
		kept.health.rests = 0;
	}
	kept.forgotten = forgotten;
	*state = kept;
}

static void render_list(const char *key, const int64_t values[WINDOW_COUNT], struct buf *out)
{
	buf_appendf(out, "\"%s\":[%lld,%lld,%lld],", key, (long long)values[0],
		    (long long)values[1], (long long)values[2]);
}

static void render_windows(const struct windows_state *w, struct buf *out)
{
	buf_append_cstr(out, "\"windows\":{");
#define X(key) render_list(#key, w->key, out);
	WINDOWS_LISTS(X)
#undef X
#define X(key) buf_appendf(out, "\"%s\":%lld,", #key, (long long)w->key);
	WINDOWS_INTS(X)
#undef X
	for (int i = 0; i < WINDOW_COUNT; i++) {
		buf_append_cstr(out, i > 0 ? "," : "\"replies\":[");
		buf_append_json(out, str_from(w->replies[i]));
	}
	buf_append_cstr(out, "],\"reply\":");
	buf_append_json(out, str_from(w->reply));
	buf_append_cstr(out, ",\"version\":1}");
}

static void render_controller(const struct controller_state *c, struct buf *out)
{
#define X(key) buf_appendf(out, "\"%s\":%.6g,", #key, c->key);
	CONTROLLER_LEVELS(X)
#undef X
#define X(key) buf_appendf(out, "\"%s\":%lld,", #key, (long long)c->key);
	CONTROLLER_INTS(X)
#undef X
}

static void render_replies(const struct lane_state *state, struct buf *out)
{
	for (int i = 0; i < LANE_LESSONS; i++) {
		if (state->replies[i][0] == '\0')
			continue;
		buf_appendf(out, "\"%s\":", reply_keys[i]);
		buf_append_json(out, str_from(state->replies[i]));
		buf_append_char(out, ',');
	}
}

void lane_state_render(const struct lane_state *state, struct buf *out)
{
	buf_append_char(out, '{');
	render_controller(&state->controller, out);
	render_replies(state, out);
	buf_appendf(out, "\"messages_cap\":%lld,\"messages_cap_age_ms\":%lld,\"forgotten\":%lld,",
		    (long long)state->messages_cap, (long long)state->messages_cap_age_ms,
		    (long long)state->forgotten);
	render_windows(&state->windows, out);
	buf_appendf(out,
		    ",\"rest_left_ms\":%lld,\"rest_age_ms\":%lld,\"rests\":%u,\"is_blocked\":%s,"
		    "\"dead_for_ms\":%lld,\"dead_probe_left_ms\":%lld}",
		    (long long)state->health.rest_left_ms, (long long)state->health.rest_age_ms,
		    state->health.rests, state->health.is_blocked ? "true" : "false",
		    (long long)state->health.dead_for_ms, (long long)state->health.probe_left_ms);
}

static void read_int(const json_t *root, const char *key, int64_t least, int64_t *out)
{
	const json_t *value = json_object_get(root, key);
	if (json_is_integer(value) && json_integer_value(value) >= least)
		*out = json_integer_value(value);
}

static void read_level(const json_t *root, const char *key, double *out)
{
	double value = json_number_value(json_object_get(root, key));
	if (isfinite(value) && value > 0)
		*out = value;
}

static json_t *load_object(struct str json)
{
	json_t *root = json_loadb(json.ptr, json.len, 0, NULL);
	if (json_is_object(root))
		return root;
	json_decref(root);
	return NULL;
}

static void read_list(const json_t *root, const char *key, int64_t values[WINDOW_COUNT])
{
	const json_t *list = json_object_get(root, key);
	for (size_t i = 0; i < WINDOW_COUNT; i++) {
		const json_t *value = json_array_get(list, i);
		if (json_is_integer(value) && json_integer_value(value) >= -1)
			values[i] = json_integer_value(value);
	}
}

static void read_reply(const json_t *value, char out[LANE_REPLY_MAX])
{
	struct str text = str_from(json_string_value(value));
	must(str_to_cstr(utf8_clip(text, LANE_REPLY_MAX - 1), out, LANE_REPLY_MAX) == 0);
}

static void read_windows(const json_t *root, struct windows_state *w)
{
#define X(key) read_list(root, #key, w->key);
	WINDOWS_LISTS(X)
#undef X
#define X(key) read_int(root, #key, -1, &w->key);
	WINDOWS_INTS(X)
#undef X
	for (size_t i = 0; i < WINDOW_COUNT; i++)
		read_reply(json_array_get(json_object_get(root, "replies"), i), w->replies[i]);
	read_reply(json_object_get(root, "reply"), w->reply);
}

static void read_controller(const json_t *root, struct controller_state *c)
{
#define X(key) read_level(root, #key, &c->key);
	CONTROLLER_LEVELS(X)
#undef X
#define X(key) read_int(root, #key, -1, &c->key);
	CONTROLLER_INTS(X)
#undef X
}

int lane_state_parse(struct str json, struct lane_state *state_out)
{
	json_t *root = load_object(json);
	if (root == NULL)
		return -1;
	struct lane_state state = fresh;
	int64_t rests = 0;
	read_controller(root, &state.controller);
	read_windows(json_object_get(root, "windows"), &state.windows);
	read_int(root, "rest_left_ms", 0, &state.health.rest_left_ms);
	read_int(root, "rest_age_ms", 0, &state.health.rest_age_ms);
	read_int(root, "dead_for_ms", -1, &state.health.dead_for_ms);
	read_int(root, "dead_probe_left_ms", 0, &state.health.probe_left_ms);
	read_int(root, "rests", 0, &rests);
	read_int(root, "messages_cap", 0, &state.messages_cap);
	read_int(root, "messages_cap_age_ms", 0, &state.messages_cap_age_ms);
	read_int(root, "forgotten", 0, &state.forgotten);
	for (int i = 0; i < LANE_LESSONS; i++)
		read_reply(json_object_get(root, reply_keys[i]), state.replies[i]);
	state.health.rests = rests > 100 ? 100 : (unsigned)rests;
	state.health.is_blocked = json_is_true(json_object_get(root, "is_blocked"));
	json_decref(root);
	*state_out = state;
	return 0;
}

/* -- parties -- */

static const struct party_state fresh_party = {
	.controller = {.connections_cut_age_ms = -1, .rate_cut_age_ms = -1}};

void party_state_render(const struct party_state *state, struct buf *out)
{
	buf_append_char(out, '{');
	render_controller(&state->controller, out);
	buf_appendf(out, "\"rest_left_ms\":%lld,\"refused_age_ms\":%lld,\"forgotten\":%lld,",
		    (long long)state->rest_left_ms, (long long)state->refused_age_ms,
		    (long long)state->forgotten);
	buf_append_cstr(out, "\"reply\":");
	buf_append_json(out, str_from(state->reply));
	buf_append_char(out, '}');
}

int party_state_parse(struct str json, struct party_state *state_out)
{
	json_t *root = load_object(json);
	if (root == NULL)
		return -1;
	struct party_state state = fresh_party;
	read_controller(root, &state.controller);
	read_int(root, "rest_left_ms", 0, &state.rest_left_ms);
	read_int(root, "refused_age_ms", 0, &state.refused_age_ms);
	read_int(root, "forgotten", 0, &state.forgotten);
	read_reply(json_object_get(root, "reply"), state.reply);
	json_decref(root);
	*state_out = state;
	return 0;
}

void party_state_forget(struct party_state *state, int64_t forgotten)
{
	if (forgotten <= state->forgotten)
		return;
	*state = fresh_party;
	state->forgotten = forgotten;
}

/* -- warm-up -- */

void warmup_state_save(const struct warmup *w, int64_t now, struct warmup_state *state_out)
{
	*state_out = (struct warmup_state){.step = w->step,
					   .advanced = w->advanced,
					   .day_age_ms = now - w->day_began_ms,
					   .sent = w->sent,
					   .deferred = w->deferred,
					   .blocked = w->blocked,
					   .failed_step = w->failed_step,
					   .patience = w->patience,
					   .clean_days = w->clean_days,
					   .plan_us = w->plan.begun_us};
}

void warmup_state_load(struct warmup *w, const struct warmup_plan *plan,
		       const struct warmup_state *state, int64_t age_ms, int64_t now)
{
	warmup_init(w, plan, now);
	if (state->plan_us != plan->begun_us)
		return;
	w->step = state->step < plan->count ? state->step : plan->count;
	w->advanced = state->advanced;
	w->day_began_ms = now - age_ms - state->day_age_ms;
	w->sent = state->sent;
	w->deferred = state->deferred;
	w->blocked = state->blocked;
	w->failed_step = state->failed_step;
	w->patience = state->patience < 8 ? state->patience : 8;
	w->clean_days = state->clean_days;
}

void warmup_state_render(const struct warmup_state *state, struct buf *out)
{
	buf_appendf(out, "{\"step\":%zu", state->step);
#define X(key) buf_appendf(out, ",\"%s\":%lld", #key, (long long)state->key);
	WARMUP_INTS(X)
#undef X
	buf_append_char(out, '}');
}

int warmup_state_parse(struct str json, struct warmup_state *state_out)
{
	json_t *root = load_object(json);
	if (root == NULL)
		return -1;
	struct warmup_state state = {.step = 0};
	int64_t step = 0;
	read_int(root, "step", 0, &step);
	state.step = (size_t)step;
#define X(key) read_int(root, #key, 0, &state.key);
	WARMUP_INTS(X)
#undef X
	json_decref(root);
	*state_out = state;
	return 0;
}

int warmup_plan_parse_json(struct str json, struct warmup_plan *plan_out)
{
	json_t *root = load_object(json);
	json_t *list = json_object_get(root, "plan");
	struct warmup_plan plan = {.count = json_array_size(list)};
	read_int(root, "begun_us", 0, &plan.begun_us);
	bool is_valid = plan.count > 0 && plan.count <= WARMUP_STEPS_MAX;
	for (size_t i = 0; is_valid && i < plan.count; i++) {
		plan.budgets[i] = json_integer_value(json_array_get(list, i));
		is_valid = plan.budgets[i] > 0;
	}
	json_decref(root);
	if (!is_valid)
		return -1;
	*plan_out = plan;
	return 0;
}

void warmup_plan_render_json(const struct warmup_plan *plan, struct buf *out)
{
	buf_append_cstr(out, "{\"plan\":[");
	for (size_t i = 0; i < plan->count; i++)
		buf_appendf(out, "%s%lld", i > 0 ? "," : "", (long long)plan->budgets[i]);
	buf_append_cstr(out, "]}");
}
