/* SPDX-License-Identifier: MIT */
/* What lanes and limiters take in a step of a forecast; see forecast_private.h. Pure. */
#include <math.h>

#include "scheduler/plan/forecast_private.h"

#define PLENTY 1e15
#define AT_LIMIT 0.8 /* who uses so much of a limit is held by it */
/* Receivers that keep their number to themselves are met this near to the level that failed. */
#define FEW_CONNECTIONS 20.0
#define MEAN_OF_CEILING 0.95
/* A measured time of a message is exceeded by so much at most. */
#define SERVICE_SLACK 1.15
/* Connections that are busy with messages for less of their time are not what binds. */
#define SERVICE_OF_BUSY 2.0
/* A window's number that rises beyond what was too much falls back below it. */
#define BELOW_FAILED 0.95
/* Of a day that is like the one that failed: enough for a step back. */
#define BAD_DAY 0.2

static const enum limit_period period_of[WINDOW_COUNT] = {
	[WINDOW_MINUTE] = LIMIT_MINUTE, [WINDOW_HOUR] = LIMIT_HOUR, [WINDOW_DAY] = LIMIT_DAY};

/* -------------------------------------------------------------------------------------- numbers */

/* The message cap of a period: as ip-pool has it, with what windows and the warm-up say. */
static struct cap message_cap(const struct limiter *l, enum limit_period period)
{
	struct cap cap = l->caps.messages[period];
	cap_tighten(&cap, l->learnt[period], ORIGIN_LEARNT, LIMIT_FOREVER);
	if (period == LIMIT_DAY)
		cap_tighten(&cap, l->day_budget, ORIGIN_WARMUP, LIMIT_FOREVER);
	return cap;
}

/* A message counts until a period after its end, and ends are counted by sixtieths. */
static double steady_per_s(int64_t n, enum limit_period period, double service_s)
{
	double period_s = (double)limit_period_ms(period) / 1000.0;
	return (double)n / (period_s * (1.0 + 1.0 / 120.0) + service_s);
}

static struct forecast_bind bind_of(const struct limiter *l, enum limit_period period,
				    const struct cap *cap)
{
	return (struct forecast_bind){
		.kind = BIND_LIMIT, .level = l->scope.level, .period = period, .cap = *cap};
}

/* Messages a limiter takes in the step; *bind_out says by what, if by anything. */
static double message_room(struct limiter *l, const struct play *p, double service_s, double carry,
			   struct forecast_bind *bind_out)
{
	double room = PLENTY;
	for (int i = 0; i < LIMIT_PERIOD_COUNT; i++) {
		enum limit_period period = (enum limit_period)i;
		struct cap cap = message_cap(l, period);
		if (cap.count == LIMIT_NONE)
			continue;
		int meter = limit_meter(LIMIT_MESSAGES, period);
		double has = steady_per_s(cap.count, period, service_s) * p->step_s;
		if (period > LIMIT_MINUTE)
			has = (double)(cap.count - limiter_counted(l, meter, p->now_ms)) - carry;
		if (has >= room)
			continue;
		room = has > 0 ? has : 0;
		*bind_out = bind_of(l, period, &cap);
	}
	return room;
}

/* A number that holds for each of many sites is told as it is for one. */
static void tell_of_each(struct forecast_bind *b, int64_t sites)
{
	bool is_number = b->kind == BIND_LIMIT || b->kind == BIND_CONNECTIONS;
	bool is_of_all = b->cap.origin == ORIGIN_LEARNT || b->cap.origin == ORIGIN_WARMUP;
	if (sites <= 1 || !is_number || is_of_all || b->cap.count == LIMIT_NONE)
		return;
	b->cap.count /= sites;
	b->is_of_each = true;
}

/* Messages a second that new connections allow, each of which carries so many. */
static double reconnecting_per_s(const struct limiter *l, double messages)
{
	double least = PLENTY;
	for (int i = 0; i < LIMIT_PERIOD_COUNT && messages > 0; i++) {
		const struct cap *cap = &l->caps.new_connections[i];
		if (cap->count != LIMIT_NONE)
			least = fmin(least,
				     messages * steady_per_s(cap->count, (enum limit_period)i, 0));
	}
	return least;
}

/* A rule that ends by itself gives way to what stands below it. */
static void refresh(struct limiter *l, int64_t now)
{
	if (now >= l->caps.next_change_ms)
		limiter_bind(l, l->rules, l->profile, now);
}

/* ----------------------------------------------------------------------------------------- pace */

/* Where connections that a receiver refuses above a level stay, in the mean. */
static double learnt_connections(const struct controller *c)
{
	const struct control *k = &c->connections;
	if (!k->has_signal || k->ceiling <= 0)
		return PLENTY;
	double mean = k->ceiling < FEW_CONNECTIONS ? k->ceiling - 1 : k->ceiling * MEAN_OF_CEILING;
	return fmax(mean, fmax(1, fmin(k->level, k->ceiling - 1)));
}

static struct cap connections_of(const struct lane_limits *l)
{
	struct cap cap = l->limiter.caps.connections;
	double learnt = learnt_connections(&l->controller);
	if (learnt < PLENTY)
		cap_tighten(&cap, (int64_t)fmax(1, learnt), ORIGIN_LEARNT, LIMIT_FOREVER);
	return cap;
}

static double learnt_rate(const struct controller *c)
{
	if (c->rate.level <= 0 || c->rate.ceiling <= 0)
		return PLENTY;
	return fmax(c->rate.level, c->rate.ceiling * MEAN_OF_CEILING);
}

/* What sets the pace of a lane that no number holds. */
static struct forecast_bind pace_bind(const struct play_lane *l)
{
	struct cap cap = connections_of(&l->limits);
	if (l->pace_per_s >= learnt_rate(&l->limits.controller) * AT_LIMIT)
		return (struct forecast_bind){
			.kind = BIND_LIMIT,
			.level = LEVEL_LANE,
			.period = LIMIT_MINUTE,
			.cap = {.count = (int64_t)fmax(1, l->pace_per_s * 60 + 0.5),
				.until_ms = LIMIT_FOREVER,
				.origin = ORIGIN_LEARNT}};
	bool is_busy =
		l->in->is_measured && l->busy_s * 1000.0 < l->in->service_ms * SERVICE_OF_BUSY;
	if (l->shows_pace && !is_busy)
		return (struct forecast_bind){
			.kind = BIND_PACE, .level = LEVEL_LANE, .per_s = l->pace_per_s};
	return (struct forecast_bind){.kind = BIND_CONNECTIONS,
				      .level = LEVEL_LANE,
				      .cap = cap,
				      .service_ms = l->busy_s * 1000.0};
}

static bool is_at_limit(struct limiter *l, double seen_per_s, int64_t now)
{
	for (int i = 0; i < LIMIT_PERIOD_COUNT; i++) {
		enum limit_period period = (enum limit_period)i;
		struct cap cap = message_cap(l, period);
		if (cap.count == LIMIT_NONE)
			continue;
		int meter = limit_meter(LIMIT_MESSAGES, period);
		double used = period > LIMIT_MINUTE
				      ? (double)limiter_counted(l, meter, now) / (double)cap.count
				      : seen_per_s / steady_per_s(cap.count, period, 0);
		if (cap.count == 0 || used >= AT_LIMIT)
			return true;
	}
	return false;
}

static bool is_limited(struct play *p, int limiter)
{
	if (limiter == FORECAST_NONE)
		return false;
	return is_at_limit(&p->limiters[limiter].limiter, p->m->seen_per_s[limiter], p->now_ms);
}

/* Everybody with work at the queue is held by a limit of their own, or nobody has any. */
static bool has_no_takers(struct play *p, size_t queue)
{
	for (size_t i = 0; i < p->m->crowd_count; i++) {
		const struct forecast_crowd *c = &p->m->crowds[i];
		const struct forecast_campaign *of = &p->m->campaigns[c->campaign];
		if (c->queue == queue && c->fresh > 1 && of->starts_ms <= p->now_ms &&
		    !is_limited(p, of->limiter) && !is_limited(p, c->domain))
			return false;
	}
	return true;
}

/* Was what it sent lately all it could send? */
static bool shows_its_pace(struct play *p, struct play_lane *l)
{
	if (l->in->seen_per_s <= 0 || has_no_takers(p, l->in->queue) ||
	    is_at_limit(&l->limits.limiter, l->in->seen_per_s, p->now_ms))
		return false;
	for (int i = 0; i < LIMIT_LEVEL_COUNT; i++)
		if (is_limited(p, l->in->shared[i]))
			return false;
	return true;
}

static void lane_caps(struct play_lane *l, int64_t now)
{
	struct limiter *own = &l->limits.limiter;
	refresh(own, now);
	for (int i = 0; i < WINDOW_COUNT; i++)
		own->learnt[period_of[i]] = windows_cap(&l->limits.windows, (enum window)i);
	if (l->in->is_warming)
		(void)warmup_tick(&l->warmup, now);
	own->day_budget = l->in->is_warming ? warmup_budget(&l->warmup) : LIMIT_NONE;
}

static void find_pace(struct play *p, struct play_lane *l)
{
	double service_s = fmax(l->in->service_ms, 1) / 1000.0;
	struct cap cap = connections_of(&l->limits);
	l->connections = cap.count == LIMIT_NONE ? FEW_CONNECTIONS : fmax(0, (double)cap.count);
	double carried = l->connections / service_s;
	double pace = fmin(carried, learnt_rate(&l->limits.controller));
	l->shows_pace = shows_its_pace(p, l);
	if (l->shows_pace)
		pace = l->in->seen_per_s;
	else
		pace = fmax(pace, l->in->seen_per_s);
	if (l->in->is_measured && pace > carried * SERVICE_SLACK)
		pace = carried;
	l->pace_per_s = pace * exp(p->mood.pace * log1p(l->in->doubt));
	l->busy_s = l->pace_per_s > 0 ? l->connections / l->pace_per_s : service_s;
}

/* A dead site stays dead for as long again as it has been so far, likely; early, until its next
 * probe; late, four times as long. Who turned us away may do so once more, late. */
static void guess_return(const struct play *p, struct play_lane *l)
{
	struct health *h = &l->limits.health;
	struct windows *w = &l->limits.windows;
	int64_t dead_for = p->now_ms - h->dead_since_ms;
	int64_t times = p->mood.pace > 0 ? 0 : p->mood.pace < 0 ? 4 : 1;
	if (health_is_dead(h) && h->probe_at_ms < p->now_ms + times * dead_for)
		h->probe_at_ms = p->now_ms + times * dead_for;
	if (windows_are_away(w) && p->mood.pace < 0)
		w->probe_at_ms += 2 * w->probe_wait_ms;
}

void play_lanes_init(struct play *p)
{
	const struct forecast_model *m = p->m;
	for (size_t i = 0; i < m->limiter_count; i++)
		p->limiters[i] = (struct play_limiter){.limiter = m->limiters[i]};
	for (size_t i = 0; i < m->lane_count; i++) {
		struct play_lane *l = &p->lanes[i];
		*l = (struct play_lane){.in = &m->lanes[i],
					.limits = m->lanes[i].limits,
					.warmup = m->lanes[i].warmup};
		l->limits.warmup = l->in->is_warming ? &l->warmup : NULL;
		guess_return(p, l);
	}
	for (size_t i = 0; i < m->lane_count; i++)
		lane_caps(&p->lanes[i], p->now_ms);
	for (size_t i = 0; i < m->lane_count; i++)
		find_pace(p, &p->lanes[i]);
}

/* ---------------------------------------------------------------------------------------- rooms */

int64_t play_lane_opens(const struct play_lane *l, int64_t now, struct forecast_bind *why_out)
{
	const struct health *h = &l->limits.health;
	int64_t rests = h->rests_until_ms, dead = health_is_dead(h) ? h->probe_at_ms : 0;
	int64_t away = windows_message_at(&l->limits.windows, now);
	int64_t at = l->limits.paused_until_ms;
	if (at > now) {
		*why_out = (struct forecast_bind){.kind = BIND_PAUSE, .cap = {.until_ms = at}};
		return at == LIMIT_FOREVER ? FORECAST_NEVER : at;
	}
	at = rests > dead ? rests : dead;
	if (away != INT64_MAX && away > at)
		at = away;
	if (at <= now)
		return now;
	*why_out = (struct forecast_bind){
		.kind = BIND_REST,
		.cap = {.until_ms = at, .origin = at == dead ? ORIGIN_DEAD : ORIGIN_BACKOFF}};
	return at;
}

/* One message is let in again, and what was learnt of the window holds from then on. */
static void come_back(struct play_lane *l, int64_t now)
{
	int64_t sent[WINDOW_COUNT] = {0};
	if (windows_are_away(&l->limits.windows))
		(void)windows_on_answer(&l->limits.windows, sent, now, now);
	(void)health_on_greeting(&l->limits.health);
}

static double pace_now(const struct play_lane *l)
{
	struct cap cap = connections_of(&l->limits);
	if (cap.count == LIMIT_NONE || l->connections <= 0 ||
	    learnt_rate(&l->limits.controller) < PLENTY)
		return cap.count == 0 ? 0 : l->pace_per_s;
	return l->pace_per_s * (double)cap.count / l->connections;
}

int64_t play_lane_changes(struct play_lane *l, int64_t now)
{
	struct limiter_wait wait;
	int64_t at = l->limits.limiter.caps.next_change_ms;
	if (!l->is_spent)
		return at;
	int64_t free = limiter_message_ready_at(&l->limits.limiter, now, &wait);
	return free > now && free < at ? free : at;
}

static void lane_room(struct play *p, struct play_lane *l)
{
	int64_t now = p->now_ms;
	l->sent = l->room = l->pace = 0;
	l->is_open = play_lane_opens(l, now, &l->bind) <= now;
	l->pace_bind = l->bind;
	if (l->is_open) {
		come_back(l, now);
		lane_caps(l, now);
		const struct limiter *own = &l->limits.limiter;
		const struct cap *each = &own->caps.messages_per_connection;
		l->room = message_room(&l->limits.limiter, p, l->busy_s, l->carry, &l->bind);
		l->is_spent = l->room < 1 && l->bind.period > LIMIT_MINUTE;
		double anew = reconnecting_per_s(own, (double)each->count);
		l->pace = fmin(pace_now(l), anew) * p->step_s;
		l->pace_bind = pace_bind(l);
	}
	tell_of_each(&l->bind, l->in->sites);
	tell_of_each(&l->pace_bind, l->in->sites);
	l->bind.lane = l->pace_bind.lane = (size_t)(l - p->lanes);
	l->closed_by = l->room < l->pace ? l->bind : l->pace_bind;
}

static void limiter_room(struct play *p, struct play_limiter *l)
{
	struct limiter *own = &l->limiter;
	refresh(own, p->now_ms);
	l->sent = 0;
	int64_t sites = p->m->sites != NULL ? p->m->sites[l - p->limiters] : 1;
	l->messages = message_room(own, p, 0, l->carry, &l->bind);
	tell_of_each(&l->bind, sites);
	l->seconds = PLENTY;
	if (own->caps.connections.count == LIMIT_NONE)
		return;
	l->seconds = (double)own->caps.connections.count * p->step_s;
	l->seconds_bind = (struct forecast_bind){
		.kind = BIND_CONNECTIONS, .level = own->scope.level, .cap = own->caps.connections};
	tell_of_each(&l->seconds_bind, sites);
}

void play_rooms(struct play *p)
{
	for (size_t i = 0; i < p->m->limiter_count; i++)
		limiter_room(p, &p->limiters[i]);
	for (size_t i = 0; i < p->m->lane_count; i++)
		lane_room(p, &p->lanes[i]);
}

/* ------------------------------------------------------------------------------------- counting */

/* Whole messages are counted; what is left over is carried on. */
static int64_t whole(double sent, double *carry)
{
	*carry += sent;
	int64_t n = (int64_t)*carry;
	*carry -= (double)n;
	return n;
}

static void count_warmup(const struct play *p, struct play_lane *l, int64_t n)
{
	struct warmup *w = &l->warmup;
	bool failed_here = w->patience > 0 && (int64_t)w->step >= w->failed_step;
	w->sent += n;
	if (failed_here && p->mood.pace <= 0)
		w->deferred += (int64_t)ceil((double)n * BAD_DAY);
}

/* Numbers of windows that are used up rise with time; not for who is pessimistic, and not beyond
 * what failed but for who is optimistic. */
static void count_windows(const struct play *p, struct play_lane *l)
{
	int64_t sent[WINDOW_COUNT];
	if (!windows_are_learning(&l->limits.windows) || p->mood.pace < 0)
		return;
	for (int i = 0; i < WINDOW_COUNT; i++)
		sent[i] = limiter_counted(&l->limits.limiter,
					  limit_meter(LIMIT_MESSAGES, period_of[i]), p->now_ms);
	(void)windows_on_answer(&l->limits.windows, sent, p->now_ms, p->now_ms);
	for (int i = 0; i < WINDOW_COUNT && p->mood.pace == 0; i++) {
		struct window_cap *cap = &l->limits.windows.caps[i];
		if (cap->failed > 0 && cap->count > cap->failed)
			cap->count = (int64_t)((double)cap->failed * BELOW_FAILED);
	}
}

/* When the n messages of the step were through on the lane: at once where a number let only some
 * go. */
static int64_t ended_at(const struct play *p, const struct play_lane *l, double n)
{
	double took_s = l->pace_per_s > 0 ? n / l->pace_per_s : p->step_s;
	int64_t at = p->step_began_ms + (int64_t)(took_s * 1000.0);
	return at < p->now_ms ? at : p->now_ms;
}

void play_count(struct play *p)
{
	int64_t last_ms = p->step_began_ms;
	for (size_t i = 0; i < p->m->lane_count; i++) {
		struct play_lane *l = &p->lanes[i];
		int64_t at = ended_at(p, l, l->sent);
		int64_t n = whole(l->sent, &l->carry);
		if (n <= 0)
			continue;
		last_ms = at > last_ms ? at : last_ms;
		limiter_add_usage(&l->limits.limiter, at, n, p->now_ms);
		count_windows(p, l);
		if (l->in->is_warming)
			count_warmup(p, l, n);
	}
	for (size_t i = 0; i < p->m->limiter_count; i++) {
		struct play_limiter *l = &p->limiters[i];
		int64_t n = whole(l->sent, &l->carry);
		if (n > 0)
			limiter_add_usage(&l->limiter, last_ms, n, p->now_ms);
	}
}
