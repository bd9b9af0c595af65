/* SPDX-License-Identifier: MIT */
/* The flow of people in a forecast, step by step; see forecast.h. Pure. */
#include "scheduler/plan/forecast.h"

#include <math.h>
#include <stdlib.h>

#include "scheduler/plan/forecast_private.h"

/* A step is this part of the time passed so far, within bounds. */
#define STEP_PART 128
#define STEP_LEAST_MS INT64_C(500)
#define STEP_MOST_MS INT64_C(300000)
/* Lanes and crowds that are looked at in a play, about; with more of them steps are longer. */
#define LOOKS 2000000
#define STRETCH_MOST 12
/* Within a step rooms are dealt in so many turns, so that what is shared is shared evenly. */
#define TURNS 4
#define TURNS_ALONE 2 /* of queues that share nothing */
#define NOBODY 1e-9
#define BIN_MS INT64_C(60000)
#define MOST_PART 0.01 /* who is left when most are through */
#define VOLLEY 4.0     /* refusals of a rate at once */
#define SLACK_PART 25  /* of the time that is left: what no range is narrower than */
/* People expected to be left when nobody is with a probability of one half, 10 %, 90 %. */
#define TAIL_LIKELY 0.693
#define TAIL_EARLY 2.303
#define TAIL_LATE 0.105

const char *forecast_bind_name(enum forecast_bind_kind kind)
{
	static const char *const names[] = {
#define X(suffix, name) name,
		FORECAST_BINDS(X)
#undef X
	};
	return names[kind];
}

/* -------------------------------------------------------------------------------------- dealing */

/* What may limit a message of a crowd on a lane. */
struct way {
	struct play_lane *lane;
	struct play_limiter *above[LIMIT_LEVEL_COUNT];
};

static struct play_limiter *limiter_at(struct play *p, int index)
{
	return index == FORECAST_NONE ? NULL : &p->limiters[index];
}

static struct way way_of(struct play *p, const struct play_crowd *c, struct play_lane *lane)
{
	struct way w = {.lane = lane};
	for (int i = 0; i < LIMIT_LEVEL_COUNT; i++)
		w.above[i] = limiter_at(p, lane->in->shared[i]);
	w.above[LEVEL_CAMPAIGN] = limiter_at(p, p->m->campaigns[c->in->campaign].limiter);
	w.above[LEVEL_DOMAIN] = limiter_at(p, c->in->domain);
	return w;
}

/* Messages of that cost for which the lane has room. */
static double room_for(const struct play_lane *lane, double cost)
{
	return fmin(lane->room, lane->pace / cost);
}

/* What of a limiter is for the crowd in this turn, in messages of that cost; *bind_out: by what. */
static double quota_of(const struct play_limiter *l, double busy_s, struct forecast_bind *bind_out)
{
	double by_seconds = l->quota_s / busy_s;
	bool is_by_number = l->quota < by_seconds;
	*bind_out = is_by_number ? l->bind : l->seconds_bind;
	return fmax(0, is_by_number ? l->quota : by_seconds);
}

static void take(struct play_limiter *l, double n, double busy_s)
{
	l->messages -= n;
	l->quota -= n;
	l->seconds -= n * busy_s;
	l->quota_s -= n * busy_s;
	l->sent += n;
}

/* Sends up to n messages; returns how many went, and notes what stopped it with the crowd. */
static double send_on(struct play_crowd *c, const struct way *w, double n)
{
	struct play_lane *lane = w->lane;
	double busy_s = lane->busy_s * c->cost, has = room_for(lane, c->cost);
	struct forecast_bind held = {.kind = BIND_NOTHING}, by;
	if (has <= n) {
		n = has;
		held = lane->room < lane->pace / c->cost ? lane->bind : lane->pace_bind;
	}
	for (int i = 0; i < LIMIT_LEVEL_COUNT; i++) {
		if (w->above[i] == NULL)
			continue;
		double most = quota_of(w->above[i], busy_s, &by);
		if (most >= n)
			continue;
		n = most;
		held = by;
		held.lane = lane->bind.lane;
		held.service_ms = lane->busy_s * 1000.0;
	}
	if (held.kind != BIND_NOTHING && n >= c->held_at) {
		c->held = held;
		c->held_at = n;
	}
	lane->room -= n;
	lane->pace -= n * c->cost;
	lane->sent += n;
	for (int i = 0; i < LIMIT_LEVEL_COUNT; i++)
		if (w->above[i] != NULL)
			take(w->above[i], n, busy_s);
	return n;
}

static bool may_use(const struct play *p, const struct play_crowd *c, size_t i)
{
	int64_t from = c->in->lanes_from_ms != NULL ? c->in->lanes_from_ms[i] : 0;
	return from <= p->now_ms;
}

static double room_of(const struct play *p, const struct play_crowd *c)
{
	const struct forecast_queue *q = &p->m->queues[c->in->queue];
	double room = 0;
	for (size_t i = 0; i < q->count; i++)
		room += may_use(p, c, i) ? room_for(&p->lanes[q->first + i], c->cost) : 0;
	return room;
}

/* Deals up to n messages of the crowd over its lanes, in proportion to their rooms. */
static double deal(struct play *p, struct play_crowd *c, double n)
{
	const struct forecast_queue *q = &p->m->queues[c->in->queue];
	double room = room_of(p, c), gone = 0;
	double part = room > n ? n / room : 1;
	for (size_t i = 0; i < q->count && n > gone; i++) {
		struct play_lane *lane = &p->lanes[q->first + i];
		double has = room_for(lane, c->cost);
		if (!may_use(p, c, i) || has <= 0)
			continue;
		struct way w = way_of(p, c, lane);
		gone += send_on(c, &w, fmin(has * part, n - gone));
	}
	c->got += gone;
	c->wants -= gone;
	return gone;
}

static double cost_of_try(const struct play *p, const struct play_crowd *c,
			  const struct forecast_shares *s)
{
	double put_off = play_share(p, c, s->deferred + s->throttled);
	return 1 - fmin(put_off, 1) * (1 - c->in->put_off_cost);
}

/* What a message of the crowd takes of the time of a whole one: of those who go in this step. */
static double cost_of(const struct play *p, const struct play_crowd *c)
{
	const struct forecast_queue *q = &p->m->queues[c->in->queue];
	double first = cost_of_try(p, c, &c->in->first), later = cost_of_try(p, c, &c->in->later);
	double due = play_due(c), pace = 0;
	for (size_t i = 0; i < q->count; i++)
		pace += may_use(p, c, i) ? p->lanes[q->first + i].pace : 0;
	double again = fmin(due, pace / later);
	double fresh = fmin(c->fresh, (pace - again * later) / first);
	return again + fresh > 0 ? (again * later + fresh * first) / (again + fresh) : later;
}

static bool goes(const struct play_crowd *c)
{
	return c->is_open && !c->is_over && c->wants > NOBODY;
}

/* The highest priority below `below` of anybody who still wants something. */
static bool next_priority(const struct play *p, int below, int *out)
{
	bool is_any = false;
	for (size_t i = 0; i < p->m->crowd_count; i++) {
		int priority = p->m->campaigns[p->crowds[i].in->campaign].priority;
		if (!goes(&p->crowds[i]) || priority >= below || (is_any && priority <= *out))
			continue;
		*out = priority;
		is_any = true;
	}
	return is_any;
}

static bool goes_at(const struct play *p, const struct play_crowd *c, int priority)
{
	return goes(c) && p->m->campaigns[c->in->campaign].priority == priority;
}

/* Crowds of that priority at a queue who still want something, of the first `of` crowds. */
static size_t equals_at(const struct play *p, size_t queue, int priority, size_t of)
{
	size_t n = 0;
	for (size_t i = 0; i < of; i++)
		n += p->crowds[i].in->queue == queue && goes_at(p, &p->crowds[i], priority);
	return n;
}

/* Calls each for every limiter above the crowd's lanes, once. */
static void visit(struct play *p, const struct play_crowd *c,
		  void (*each)(struct play_limiter *l, size_t turns_left), size_t turns_left)
{
	const struct forecast_queue *q = &p->m->queues[c->in->queue];
	p->visit++;
	for (size_t i = 0; i < q->count && p->m->limiter_count > 0; i++) {
		struct way w = way_of(p, c, &p->lanes[q->first + i]);
		for (int k = 0; k < LIMIT_LEVEL_COUNT; k++) {
			if (w.above[k] == NULL || w.above[k]->visited == p->visit)
				continue;
			w.above[k]->visited = p->visit;
			each(w.above[k], turns_left);
		}
	}
}

static void add_sharer(struct play_limiter *l, size_t turns_left)
{
	(void)turns_left;
	l->sharers++;
}

/* An equal part of what is left for those who share it, in the turns that are left. */
static void set_quota(struct play_limiter *l, size_t turns_left)
{
	double parts = (double)(turns_left * l->sharers - l->served++);
	l->quota = l->messages / parts;
	l->quota_s = l->seconds / parts;
}

/* One turn of all crowds of a priority: each gets an equal part of what is left for its queue. */
static void deal_turn(struct play *p, int priority, size_t turns_left)
{
	for (size_t i = 0; i < p->m->limiter_count; i++)
		p->limiters[i].sharers = p->limiters[i].served = 0;
	for (size_t i = 0; i < p->m->crowd_count; i++)
		if (goes_at(p, &p->crowds[i], priority))
			visit(p, &p->crowds[i], add_sharer, turns_left);
	for (size_t i = 0; i < p->m->crowd_count; i++) {
		struct play_crowd *c = &p->crowds[i];
		if (!goes_at(p, c, priority))
			continue;
		size_t equals = equals_at(p, c->in->queue, priority, p->m->crowd_count);
		size_t before = equals_at(p, c->in->queue, priority, i);
		double n = room_of(p, c) / (double)(turns_left * equals - before);
		visit(p, c, set_quota, turns_left);
		(void)deal(p, c, fmin(n, c->wants));
	}
}

static void deal_all(struct play *p)
{
	size_t turns = p->m->limiter_count > 0 ? TURNS : TURNS_ALONE;
	int priority = INT32_MAX;
	for (size_t i = 0; i < p->m->crowd_count; i++)
		p->crowds[i].cost = cost_of(p, &p->crowds[i]);
	while (next_priority(p, priority, &priority))
		for (size_t turn = 0; turn < turns; turn++)
			deal_turn(p, priority, turns - turn);
}

/* ---------------------------------------------------------------------------------------- binds */

static bool is_same_bind(const struct forecast_bind *a, const struct forecast_bind *b)
{
	return a->kind == b->kind && a->level == b->level && a->period == b->period &&
	       a->cap.origin == b->cap.origin && a->cap.rule == b->cap.rule;
}

static void note_bind(struct play_crowd *c, const struct forecast_bind *b, double seconds)
{
	for (size_t i = 0; i < c->bind_count; i++)
		if (is_same_bind(&c->binds[i], b)) {
			c->binds[i].part += seconds;
			return;
		}
	if (c->bind_count == PLAY_BINDS)
		return;
	c->binds[c->bind_count] = *b;
	c->binds[c->bind_count++].part = seconds;
}

/* None of its lanes may be used: they are paused for it, or it has none. */
static struct forecast_bind without_lanes(const struct play *p, const struct play_crowd *c)
{
	const struct forecast_queue *q = &p->m->queues[c->in->queue];
	for (size_t i = 0; i < q->count; i++)
		if (c->in->lanes_from_ms[i] != FORECAST_NEVER)
			return (struct forecast_bind){
				.kind = BIND_PAUSE, .level = LEVEL_CAMPAIGN, .lane = q->first + i};
	return (struct forecast_bind){.kind = BIND_SOURCES};
}

/* Does somebody of a higher priority take of the lanes of its queue? */
static bool yields(const struct play *p, const struct play_crowd *c)
{
	int own = p->m->campaigns[c->in->campaign].priority;
	for (size_t i = 0; i < p->m->crowd_count; i++) {
		const struct play_crowd *other = &p->crowds[i];
		if (other->in->queue == c->in->queue && !other->is_over && other->got > NOBODY &&
		    p->m->campaigns[other->in->campaign].priority > own)
			return true;
	}
	return false;
}

/* What held a crowd that wants more than it got: its part of a lane that equals share is held by
 * what holds the lane. Where nothing went, what keeps its lanes. */
static struct forecast_bind held_by(struct play *p, const struct play_crowd *c)
{
	const struct forecast_queue *q = &p->m->queues[c->in->queue];
	const struct play_lane *best = NULL;
	if (c->held.kind != BIND_NOTHING)
		return c->held;
	for (size_t i = 0; i < q->count; i++) {
		const struct play_lane *lane = &p->lanes[q->first + i];
		if (!may_use(p, c, i))
			continue;
		bool is_better = best == NULL || lane->sent > best->sent ||
				 (lane->sent == best->sent && lane->is_open && !best->is_open);
		best = is_better ? lane : best;
	}
	if (best == NULL)
		return without_lanes(p, c);
	if (best->sent > NOBODY && yields(p, c))
		return (struct forecast_bind){.kind = BIND_OTHERS};
	return best->closed_by;
}

static void note_binds(struct play *p)
{
	for (size_t i = 0; i < p->m->crowd_count; i++) {
		struct play_crowd *c = &p->crowds[i];
		const struct forecast_bind retries = {.kind = BIND_RETRIES,
						      .is_expected = c->in->retry_count == 0};
		if (c->is_over)
			continue;
		if (!c->is_open) {
			note_bind(c, &c->why, p->step_s);
		} else if (c->wants > 1 || c->wants > c->later) {
			struct forecast_bind held = held_by(p, c);
			note_bind(c, &held, p->step_s);
		} else if (c->later > 0) {
			note_bind(c, &retries, p->step_s);
		}
	}
}

static struct forecast_bind main_bind(const struct play_crowd *c)
{
	struct forecast_bind best = {.kind = BIND_NOTHING};
	double whole = 0;
	for (size_t i = 0; i < c->bind_count; i++) {
		whole += c->binds[i].part;
		if (c->binds[i].part > best.part)
			best = c->binds[i];
	}
	best.part = whole > 0 ? best.part / whole : 0;
	return best;
}

/* ----------------------------------------------------------------------------------------- time */

static struct calendar_state hours_of(const struct play *p, const struct forecast_campaign *c)
{
	int64_t now_us = p->m->now_us + (p->now_ms - p->m->now_ms) * 1000;
	return calendar_look(c->hours, ARRAY_LEN(c->hours), now_us);
}

static int64_t by_our_clock(const struct play *p, int64_t us)
{
	return us == CALENDAR_NEVER ? FORECAST_NEVER
				    : p->m->now_ms + (us - p->m->now_us + 999) / 1000;
}

/* Is it to be sent now? Lowers *next to when that changes. */
static void look_at(struct play *p, struct play_crowd *c, int64_t *next)
{
	const struct forecast_campaign *of = &p->m->campaigns[c->in->campaign];
	struct calendar_state hours = hours_of(p, of);
	int64_t changes = by_our_clock(p, hours.changes_us);
	c->is_open = hours.is_open && of->starts_ms <= p->now_ms;
	c->why = (struct forecast_bind){.kind = hours.is_open ? BIND_START : BIND_HOURS};
	*next = changes < *next ? changes : *next;
	if (of->starts_ms > p->now_ms && of->starts_ms < *next)
		*next = of->starts_ms;
	if (of->deadline_ms > p->now_ms && of->deadline_ms < *next)
		*next = of->deadline_ms;
	for (size_t i = 0; i < p->m->queues[c->in->queue].count; i++) {
		int64_t from = c->in->lanes_from_ms != NULL ? c->in->lanes_from_ms[i] : 0;
		*next = from > p->now_ms && from < *next ? from
							 : *next; /* PAUSED: past the horizon */
	}
	c->got = c->held_at = 0;
	c->held.kind = BIND_NOTHING;
	c->wants = c->fresh + play_due(c);
}

static int64_t next_event(struct play *p)
{
	int64_t next = FORECAST_NEVER;
	struct forecast_bind ignored;
	for (size_t i = 0; i < p->m->crowd_count; i++)
		if (!p->crowds[i].is_over)
			look_at(p, &p->crowds[i], &next);
	for (size_t i = 0; i < p->m->lane_count; i++) {
		int64_t opens = play_lane_opens(&p->lanes[i], p->now_ms, &ignored);
		int64_t changes = play_lane_changes(&p->lanes[i], p->now_ms);
		next = opens > p->now_ms && opens < next ? opens : next;
		next = changes > p->now_ms && changes < next ? changes : next;
	}
	return next;
}

/* Nobody can be sent to now: all that is left waits for a lane or for the clock. */
static bool is_still(const struct play *p)
{
	struct forecast_bind ignored;
	for (size_t i = 0; i < p->m->crowd_count; i++) {
		const struct play_crowd *c = &p->crowds[i];
		const struct forecast_queue *q = &p->m->queues[c->in->queue];
		for (size_t k = 0; k < q->count && c->is_open && !c->is_over; k++)
			if (may_use(p, c, k) && play_lane_opens(&p->lanes[q->first + k], p->now_ms,
								&ignored) <= p->now_ms)
				return false;
	}
	return true;
}

static int64_t step_ms(const struct play *p, int64_t next)
{
	if (is_still(p))
		return sooner_of(next, p->m->now_ms + FORECAST_HORIZON_MS) - p->now_ms;
	int64_t looks = (int64_t)(p->m->lane_count + p->m->crowd_count);
	int64_t least = STEP_LEAST_MS, most = STEP_MOST_MS;
	int64_t stretch = 1 + looks * (FORECAST_HORIZON_MS / STEP_MOST_MS) / LOOKS;
	stretch = stretch < STRETCH_MOST ? stretch : STRETCH_MOST;
	most *= stretch;
	int64_t step = (p->now_ms - p->m->now_ms) * (1 + stretch / 4) / STEP_PART;
	step = step < least ? least : step > most ? most : step;
	if (next >= p->now_ms + step)
		return step;
	least = step / 8 > least ? step / 8 : least; /* not for each sixtieth of an hour */
	return next - p->now_ms > least ? next - p->now_ms : least;
}

static void end_crowd(const struct play *p, struct play_crowd *c)
{
	const struct forecast_campaign *of = &p->m->campaigns[c->in->campaign];
	/* Refusals come in volleys: who is throttled is not alone. */
	double left = play_left(c) - fmax(0, c->throttled) * (1 - 1 / VOLLEY);
	if (left > p->mood.tail && p->now_ms < of->deadline_ms)
		return;
	c->is_over = true;
	c->end_ms = p->now_ms;
	c->missed = p->now_ms >= of->deadline_ms && left > p->mood.tail ? left : 0;
}

static bool is_over(const struct play *p)
{
	for (size_t i = 0; i < p->m->crowd_count; i++)
		if (!p->crowds[i].is_over)
			return false;
	return true;
}

static void step(struct play *p)
{
	int64_t next = next_event(p);
	int64_t ms = step_ms(p, next);
	p->step_s = (double)ms / 1000.0;
	p->step_began_ms = p->now_ms;
	play_rooms(p);
	deal_all(p);
	note_binds(p);
	p->now_ms += ms;
	for (size_t i = 0; i < p->m->crowd_count; i++)
		if (!p->crowds[i].is_over)
			play_settle(p, &p->crowds[i]);
	play_count(p);
	play_come_due(p);
	for (size_t i = 0; i < p->m->crowd_count; i++)
		if (!p->crowds[i].is_over)
			end_crowd(p, &p->crowds[i]);
}

/* ----------------------------------------------------------------------------------------- play */

static void crowd_init(struct play *p, size_t i)
{
	struct play_crowd *c = &p->crowds[i];
	const struct forecast_crowd *in = &p->m->crowds[i];
	*c = (struct play_crowd){.in = in,
				 .fresh = in->fresh,
				 .bins = p->bins + i * PLAY_BINS,
				 .end_ms = FORECAST_NEVER};
	play_find_waits(p->m, p->m->campaigns[in->campaign].give_up_ms, c->waits_ms);
	for (size_t k = 0; k < in->retry_count; k++) {
		const struct forecast_retry *r = &in->retries[k];
		int tries = r->attempts < FORECAST_TRIES ? r->attempts : FORECAST_TRIES - 1;
		play_put_back(p, c, r->due_ms, tries > 0 ? tries : 0, r->people);
	}
	end_crowd(p, c);
}

static void play_init(struct play *p, const struct forecast_model *m, struct play_mood mood)
{
	*p = (struct play){.m = m, .mood = mood, .now_ms = m->now_ms, .bin_ms = BIN_MS};
	int64_t longest = m->delays_ms[m->delay_count - 1];
	if (longest + longest / 4 > BIN_MS * PLAY_BINS)
		p->bin_ms = (longest + longest / 4) / PLAY_BINS + 1;
	p->bin = play_bin(p, m->now_ms);
	p->lanes = xcalloc(m->lane_count + 1, sizeof(p->lanes[0]));
	p->limiters = xcalloc(m->limiter_count + 1, sizeof(p->limiters[0]));
	p->crowds = xcalloc(m->crowd_count + 1, sizeof(p->crowds[0]));
	p->bins = xcalloc((m->crowd_count + 1) * PLAY_BINS, sizeof(p->bins[0]));
	play_lanes_init(p);
	for (size_t i = 0; i < m->crowd_count; i++)
		crowd_init(p, i);
}

static void play_done(struct play *p)
{
	free(p->lanes);
	free(p->limiters);
	free(p->crowds);
	free(p->bins);
}

static void note_most(const struct play *p, struct forecast_span *campaigns)
{
	for (size_t i = 0; campaigns != NULL && i < p->m->campaign_count; i++) {
		double left = 0;
		for (size_t k = 0; k < p->m->crowd_count; k++)
			if (p->crowds[k].in->campaign == i && !p->crowds[k].is_over)
				left += play_left(&p->crowds[k]);
		if (campaigns[i].most_ms == FORECAST_NEVER &&
		    left <= p->m->campaigns[i].people * MOST_PART)
			campaigns[i].most_ms = p->now_ms;
	}
}

/* campaigns: for their most_ms; NULL: not wanted. */
static void play_all(struct play *p, struct forecast_span *campaigns)
{
	note_most(p, campaigns);
	while (!is_over(p) && p->now_ms < p->m->now_ms + FORECAST_HORIZON_MS) {
		step(p);
		note_most(p, campaigns);
	}
}

/* What ends by the clock is known to the minute. */
static bool is_dated(enum forecast_bind_kind kind)
{
	return kind == BIND_HOURS || kind == BIND_START || kind == BIND_PAUSE || kind == BIND_REST;
}

/* The part of its time that a crowd does not wait for the clock. */
static double undated_part(const struct play_crowd *c)
{
	double whole = 0, dated = 0;
	for (size_t i = 0; i < c->bind_count; i++) {
		whole += c->binds[i].part;
		if (is_dated(c->binds[i].kind))
			dated += c->binds[i].part;
	}
	return whole > 0 ? 1 - dated / whole : 1;
}

/* As played likely; the range is never narrower than what nobody knows better. */
static struct forecast_span likely_span(const struct forecast_model *m, const struct play_crowd *c)
{
	int64_t end = c->end_ms, slack = 0;
	if (end < m->now_ms + FORECAST_HORIZON_MS)
		slack = (int64_t)((double)(end - m->now_ms) * undated_part(c) / SLACK_PART);
	return (struct forecast_span){.earliest_ms = end - slack,
				      .likely_ms = end,
				      .latest_ms = end + slack,
				      .most_ms = end,
				      .bind = main_bind(c),
				      .missed = c->missed};
}

static void gather(const struct forecast_model *m, const struct forecast_span *crowds,
		   struct forecast_span *campaigns)
{
	for (size_t i = 0; i < m->crowd_count; i++) {
		const struct forecast_span *from = &crowds[i];
		struct forecast_span *to = &campaigns[m->crowds[i].campaign];
		if (from->likely_ms > to->likely_ms)
			to->bind = from->bind;
		to->earliest_ms = later_of(to->earliest_ms, from->earliest_ms);
		to->likely_ms = later_of(to->likely_ms, from->likely_ms);
		to->latest_ms = later_of(to->latest_ms, from->latest_ms);
		to->missed += from->missed;
	}
}

void forecast_play(const struct forecast_model *m, struct forecast_span *crowds_out,
		   struct forecast_span *campaigns_out)
{
	static const struct play_mood moods[] = {{.tail = TAIL_LIKELY},
						 {.pace = 1, .shares = -1, .tail = TAIL_EARLY},
						 {.pace = -1, .shares = 1, .tail = TAIL_LATE}};
	for (size_t i = 0; i < m->campaign_count; i++)
		campaigns_out[i] = (struct forecast_span){.earliest_ms = m->now_ms,
							  .likely_ms = m->now_ms,
							  .latest_ms = m->now_ms,
							  .most_ms = FORECAST_NEVER};
	for (size_t k = 0; k < ARRAY_LEN(moods); k++) {
		struct play p;
		play_init(&p, m, moods[k]);
		play_all(&p, k == 0 ? campaigns_out : NULL);
		for (size_t i = 0; i < m->crowd_count; i++) {
			int64_t end = p.crowds[i].end_ms;
			if (k == 0)
				crowds_out[i] = likely_span(m, &p.crowds[i]);
			crowds_out[i].earliest_ms = sooner_of(crowds_out[i].earliest_ms, end);
			crowds_out[i].latest_ms = later_of(crowds_out[i].latest_ms, end);
		}
		play_done(&p);
	}
	gather(m, crowds_out, campaigns_out);
}
