/* SPDX-License-Identifier: MIT */
/* What changes next about a lane's limits; see outlook.h. Pure. */
#include "ip-pool/outlook.h"

#include <stdlib.h>

#include "ip-pool/explain.h"

#define DAY_MS INT64_C(86400000)

static const enum limit_period period_of[WINDOW_COUNT] = {
	[WINDOW_MINUTE] = LIMIT_MINUTE, [WINDOW_HOUR] = LIMIT_HOUR, [WINDOW_DAY] = LIMIT_DAY};

const char *change_name(enum change_kind kind)
{
#define X(suffix, name) [CHANGE_##suffix] = name,
	static const char *const names[] = {OUTLOOK_CHANGES(X)};
#undef X
	return names[kind];
}

bool change_is_of_limit(enum change_kind kind)
{
	return kind == CHANGE_LIMIT || kind == CHANGE_REFILL || kind == CHANGE_WINDOW;
}

/* The list under construction. */
struct outlook {
	struct next_change *changes;
	size_t count;
	int64_t now;
};

/* Growth comes after what has to end before it. */
static int compare(const void *a, const void *b)
{
	const struct next_change *x = a, *y = b;
	if (x->at_ms != y->at_ms)
		return x->at_ms < y->at_ms ? -1 : 1;
	bool x_grows = x->kind == CHANGE_CONNECTIONS || x->kind == CHANGE_RATE;
	bool y_grows = y->kind == CHANGE_CONNECTIONS || y->kind == CHANGE_RATE;
	if (x_grows != y_grows)
		return x_grows ? 1 : -1;
	return (int)x->kind - (int)y->kind;
}

/* When it is full the latest gives way. */
static void add(struct outlook *o, struct next_change change)
{
	struct next_change *latest = o->changes;
	if (o->count < OUTLOOK_MAX) {
		o->changes[o->count++] = change;
		return;
	}
	for (size_t i = 1; i < o->count; i++)
		if (compare(&o->changes[i], latest) > 0)
			latest = &o->changes[i];
	if (compare(&change, latest) < 0)
		*latest = change;
}

/* ------------------------------------------------------------------------------------- the lane */

/* A lane that stands still has no answers to grow by before that. */
static int64_t goes_at(const struct outlook *o, const struct lane_limits *l)
{
	int64_t at = windows_message_at(&l->windows, o->now);
	if (l->health.rests_until_ms > at)
		at = l->health.rests_until_ms;
	return l->paused_until_ms > at ? l->paused_until_ms : at;
}

/* One of the controller's steps, not before the lane goes. */
static void add_step(struct outlook *o, struct next_change change, int64_t goes_ms)
{
	if (goes_ms == LIMIT_FOREVER)
		return;
	if (goes_ms > change.at_ms && goes_ms > o->now)
		change.at_ms = goes_ms;
	add(o, change);
}

/* Only what the caps above it leave to the controller. */
static void add_growth(struct outlook *o, struct lane_limits *l)
{
	int64_t goes_ms = goes_at(o, l);
	struct controller_step step;
	struct cap cap = limiter_caps(&l->limiter, o->now)->connections;
	double from = (double)controller_connections(&l->controller);
	controller_next_connections(&l->controller, o->now, &step);
	if (cap.count == LIMIT_NONE || cap.count > (int64_t)from) {
		double to = cap.count != LIMIT_NONE && step.to > (double)cap.count
				    ? (double)cap.count
				    : step.to;
		add_step(o,
			 (struct next_change){.kind = CHANGE_CONNECTIONS,
					      .level = LEVEL_LANE,
					      .at_ms = step.at_ms,
					      .messages = step.messages,
					      .from = from,
					      .to = to},
			 goes_ms);
	}
	if (controller_next_rate(&l->controller, o->now, &step))
		add_step(o,
			 (struct next_change){.kind = CHANGE_RATE,
					      .level = LEVEL_LANE,
					      .at_ms = step.at_ms,
					      .from = controller_rate(&l->controller),
					      .to = step.to},
			 goes_ms);
}

static void add_end(struct outlook *o, enum change_kind kind, enum limit_level level, int64_t at_ms)
{
	if (at_ms > o->now && at_ms != LIMIT_FOREVER)
		add(o, (struct next_change){.kind = kind, .level = level, .at_ms = at_ms});
}

static void add_windows(struct outlook *o, const struct lane_limits *l)
{
	add_end(o, CHANGE_PROBE, LEVEL_LANE, windows_message_at(&l->windows, o->now));
	for (int i = 0; i < WINDOW_COUNT; i++) {
		struct window_step step;
		if (!windows_next(&l->windows, (enum window)i, o->now, &step))
			continue;
		add(o, (struct next_change){.kind = CHANGE_WINDOW,
					    .level = LEVEL_LANE,
					    .limit = LIMIT_MESSAGES,
					    .period = period_of[i],
					    .at_ms = step.at_ms,
					    .from = (double)step.from,
					    .to = (double)step.to});
	}
}

static void add_warmup(struct outlook *o, const struct warmup *w)
{
	if (w == NULL || warmup_budget(w) < 0 || w->is_held)
		return;
	struct warmup next = *w;
	next.step++;
	add(o, (struct next_change){.kind = CHANGE_WARMUP,
				    .level = LEVEL_LANE,
				    .at_ms = w->day_began_ms + DAY_MS,
				    .from = (double)warmup_budget(w),
				    .to = (double)warmup_budget(&next)});
}

static void add_lane(struct outlook *o, struct lane_limits *l)
{
	add_growth(o, l);
	add_end(o, CHANGE_HOLD, LEVEL_LANE, controller_held_until(&l->controller, o->now));
	add_end(o, CHANGE_REST, LEVEL_LANE, l->health.rests_until_ms);
	if (health_is_dead(&l->health))
		add_end(o, CHANGE_PROBE, LEVEL_LANE, l->health.probe_at_ms);
	add_windows(o, l);
	add_warmup(o, l->warmup);
	add_end(o, CHANGE_PAUSE, LEVEL_LANE, l->paused_until_ms);
}

/* ------------------------------------------------------------------------------------ all levels
 */

static void add_limits(struct outlook *o, struct limiter *l)
{
	const struct caps *caps = limiter_caps(l, o->now);
	for (int m = 0; m < LIMIT_METER_COUNT; m++) {
		const struct cap *cap = caps_of_meter(caps, m);
		if (cap->count == LIMIT_NONE || cap->until_ms == LIMIT_FOREVER)
			continue;
		add(o, (struct next_change){.kind = CHANGE_LIMIT,
					    .level = l->scope.level,
					    .limit = limit_meter_kind(m),
					    .period = limit_meter_period(m),
					    .at_ms = cap->until_ms,
					    .from = (double)cap->count,
					    .to = -1,
					    .rule = cap->rule});
	}
}

static void add_party(struct outlook *o, const struct party *p)
{
	enum limit_level level = p->kind == PARTY_DOMAIN ? LEVEL_DOMAIN : LEVEL_CAMPAIGN;
	struct controller_step step;
	add_end(o, CHANGE_REST, level, p->rests_until_ms);
	if (!controller_next_rate(&p->controller, o->now, &step))
		return;
	add(o, (struct next_change){.kind = CHANGE_RATE,
				    .level = level,
				    .at_ms = step.at_ms,
				    .from = controller_rate(&p->controller),
				    .to = step.to});
}

/* A window that is full: not a number of connections, nor what has an end of its own above. */
static void add_refill(struct outlook *o, const struct permit_path *path)
{
	struct limiter_wait wait;
	int64_t at = lane_message_ready_at(path, o->now, &wait);
	if (at <= o->now || at == LIMITER_ON_EVENT)
		return;
	if (wait.kind != LIMIT_MESSAGES || wait.cap.count == 0)
		return;
	add(o, (struct next_change){.kind = CHANGE_REFILL,
				    .level = wait.level,
				    .limit = wait.kind,
				    .period = wait.period,
				    .at_ms = at,
				    .from = (double)wait.cap.count,
				    .rule = wait.cap.rule});
}

size_t lane_outlook(const struct permit_path *path, int64_t now, struct next_change *out)
{
	struct outlook o = {.changes = out, .now = now};
	add_refill(&o, path);
	add_lane(&o, path->lane);
	add_limits(&o, &path->lane->limiter);
	for (int i = 0; i < LIMIT_LEVEL_COUNT; i++)
		if (path->shared[i] != NULL)
			add_limits(&o, path->shared[i]);
	for (int i = 0; i < PARTY_KINDS; i++)
		if (path->parties[i] != NULL)
			add_party(&o, path->parties[i]);
	qsort(out, o.count, sizeof(out[0]), compare);
	return o.count;
}

const struct limit_scope *path_scope(const struct permit_path *path, enum limit_level level)
{
	return path->shared[level] != NULL ? &path->shared[level]->scope
					   : &path->lane->limiter.scope;
}

bool lane_binding(const struct permit_path *path, int64_t now, struct limiter_wait *out)
{
	struct lane_limits *l = path->lane;
	if (lane_message_ready_at(path, now, out) > now)
		return true;
	return l->limiter.open > 0 && lane_connection_ready_at(path, now, out) > now;
}

/* ----------------------------------------------------------------------------------------- causes
 */

static struct wait_cause cause_of_rest(const struct lane_limits *l, int64_t now)
{
	const struct windows *w = &l->windows;
	bool is_away = windows_are_away(w) &&
		       windows_message_at(w, now) > health_message_at(&l->health, now);
	return is_away ? (struct wait_cause){w->away_since_ms, w->reply}
		       : (struct wait_cause){l->health.rest_since_ms, l->replies[LESSON_REST]};
}

static struct wait_cause cause_of_cut(const struct lane_limits *l, const struct control *k,
				      enum lane_lesson lesson)
{
	return k->has_signal ? (struct wait_cause){k->cut_ms, l->replies[lesson]}
			     : (struct wait_cause){.reply = ""};
}

/* A window that was learnt, or the rate of the controller. */
static struct wait_cause cause_of_rate(const struct lane_limits *l, const struct limiter_wait *wait)
{
	for (int i = 0; i < WINDOW_COUNT; i++) {
		const struct window_cap *cap = &l->windows.caps[i];
		if (period_of[i] == wait->period && cap->count == wait->cap.count)
			return (struct wait_cause){cap->learnt_ms, cap->reply};
	}
	return cause_of_cut(l, &l->controller.rate, LESSON_RATE);
}

struct wait_cause lane_wait_cause(const struct lane_limits *l, const struct limiter_wait *wait,
				  int64_t now)
{
	enum limit_origin origin = wait->cap.origin;
	if (origin == ORIGIN_KILLED)
		return (struct wait_cause){wait->died_ms, ""};
	if (wait->level != LEVEL_LANE)
		return (struct wait_cause){.reply = ""};
	if (origin == ORIGIN_DEAD)
		return (struct wait_cause){l->health.dead_since_ms, ""};
	if (origin != ORIGIN_BACKOFF && origin != ORIGIN_LEARNT)
		return (struct wait_cause){.reply = ""};
	if (wait->cap.count == 0)
		return cause_of_rest(l, now);
	if (wait->kind == LIMIT_CONNECTIONS)
		return cause_of_cut(l, &l->controller.connections, LESSON_CONNECTIONS);
	return cause_of_rate(l, wait);
}

/* -------------------------------------------------------------------------------------- sentences
 */

static void say_when(const struct next_change *c, int64_t now, struct buf *out)
{
	if (c->messages > 0)
		buf_appendf(out, " after %lld more clean %s", (long long)c->messages,
			    plural(c->messages, "answer", "answers"));
	if (c->at_ms <= now)
		return;
	buf_append_cstr(out, c->messages > 0 ? ", not before " : " in ");
	explain_duration(c->at_ms - now, out);
	if (c->messages > 0)
		buf_append_cstr(out, " from now");
}

static void say_number(const struct next_change *c, struct buf *out)
{
	struct cap cap = {.count = (int64_t)c->from,
			  .until_ms = LIMIT_FOREVER,
			  .rule = c->rule,
			  .origin = c->rule != 0 ? ORIGIN_OPERATOR : ORIGIN_NONE};
	explain_cap(&cap, c->limit, c->period, 0, out);
}

static void say_from_to(const struct next_change *c, const char *what, const char *unit,
			int decimals, struct buf *out)
{
	buf_appendf(out, "%s %.*f%s", what, decimals, c->from, unit);
	if (c->to < 0)
		buf_append_cstr(out, " → no limit");
	else
		buf_appendf(out, " → %.*f%s", decimals, c->to, unit);
}

static const char *whose(const struct next_change *c)
{
	if (c->level == LEVEL_LANE)
		return "the learnt rate";
	return c->level == LEVEL_DOMAIN ? "the sending domain's learnt rate"
					: "the campaign's learnt rate";
}

void explain_change(const struct next_change *c, int64_t now, struct buf *out)
{
	switch (c->kind) {
	case CHANGE_CONNECTIONS:
		say_from_to(c, "connections", "", 0, out);
		break;
	case CHANGE_RATE:
		say_from_to(c, whose(c), "/s", 2, out);
		break;
	case CHANGE_HOLD:
		buf_append_cstr(out, "the back-off ends and it may grow again");
		break;
	case CHANGE_REST:
		buf_append_cstr(out, "the rest the receiver asked for ends");
		break;
	case CHANGE_PROBE:
		buf_append_cstr(out, "one tries whether the receiver lets it in again");
		break;
	case CHANGE_WINDOW:
		buf_appendf(
			out,
			"the learnt cap rises from %.0f to %.0f/%s, if it is used up until then,",
			c->from, c->to, limit_period_name(c->period));
		break;
	case CHANGE_WARMUP:
		say_from_to(c, "the warm-up's budget", " a day", 0, out);
		break;
	case CHANGE_LIMIT:
		say_number(c, out);
		buf_append_cstr(out, " ends");
		break;
	case CHANGE_PAUSE:
		buf_append_cstr(out, "the pause ends");
		break;
	case CHANGE_REFILL:
		buf_append_cstr(out, "the next message goes, as far as ");
		say_number(c, out);
		buf_append_cstr(out, " is concerned,");
		break;
	}
	say_when(c, now, out);
}
