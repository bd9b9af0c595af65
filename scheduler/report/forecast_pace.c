/* SPDX-License-Identifier: MIT */
/* How fast lanes have been lately, from what limits count by the minute; see forecast_private.h. */
#include <math.h>

#include "scheduler/report/forecast_private.h"

#define CLOCKS_MS INT64_C(2000) /* two clocks tell the same minute to within */
#define BUSY_MINUTES 10
/* What is older counts less: half after a third of the time it has been at work, within bounds. */
#define HALF_LIFE_PART 3.0
#define HALF_LIFE_LEAST 3.0 /* minutes */
#define HALF_LIFE_MOST 15.0
#define LEAST_MS 5000  /* of a pace that is told from a part of a minute */
#define STANDSTILL 0.1 /* of the busiest minute: it was turned away, or had used a number up */
#define NINETY 1.64
#define TOGETHER 3.0	/* minutes that go up and down together */
#define DRIFT 0.05	/* what nobody foresees */
#define DOUBT_BRIEF 0.3 /* of a pace seen for less than three minutes */

bool forecast_counts(const struct forecast_facts *f, const struct limit_scope *s,
		     const struct past_usage *row)
{
	const struct source *source = ip_pool_source_by_id(f->pool, row->source);
	struct str name = source != NULL ? source->name : STR("");
	switch (s->level) {
	case LEVEL_LANE:
		return str_equals(s->source, name) && str_equals(s->site, row->target);
	case LEVEL_SOURCE:
		return str_equals(s->source, name);
	case LEVEL_PROVIDER:
		return str_equals(s->site, row->target);
	case LEVEL_DOMAIN:
		return str_equals(s->site, row->target) && str_equals(s->domain, row->domain);
	case LEVEL_CAMPAIGN:
		return s->campaign == row->campaign;
	case LEVEL_NODE:
		return source != NULL && str_equals(s->node, source->node);
	}
	return false;
}

int64_t forecast_minute_began(const struct forecast_facts *f)
{
	return f->now_ms - f->now_us / 1000 % FORECAST_MINUTE_MS;
}

/* Rows name the end of their minute, or now if that is to come. */
size_t forecast_minute_of(const struct forecast_facts *f, const struct past_usage *row)
{
	int64_t before = forecast_minute_began(f) - row->at_ms;
	return before < -CLOCKS_MS
		       ? 0
		       : 1 + (size_t)((before + FORECAST_MINUTE_MS / 2) / FORECAST_MINUTE_MS);
}

bool forecast_has_people(const struct forecast_facts *f, size_t job, struct str queue)
{
	for (size_t i = 0; i < f->people_count; i++)
		if (f->people[i].job == job && str_equals(f->people[i].queue, queue))
			return true;
	return false;
}

/* For how long of a time somebody at the queue was to be sent to. */
static double open_ms(const struct forecast_facts *f, struct str queue, int64_t from, int64_t to)
{
	int64_t most = 0;
	for (size_t i = 0; i < f->job_count; i++) {
		const struct forecast_job *job = &f->jobs[i];
		int64_t begin = job->began_ms > from ? job->began_ms : from;
		if (begin >= to || !forecast_has_people(f, i, queue))
			continue;
		int64_t begin_us = f->now_us + (begin - f->now_ms) * 1000;
		int64_t end_us = f->now_us + (to - f->now_ms) * 1000;
		int64_t open = sending_hours_open_us(&job->hours, begin_us, end_us) / 1000;
		most = open > most ? open : most;
	}
	return (double)most;
}

static void fill(const struct forecast_facts *f, const struct limit_scope *scope,
		 struct forecast_minutes *out)
{
	int64_t began = forecast_minute_began(f);
	*out = (struct forecast_minutes){.n = {0}};
	for (size_t i = 0; i < f->usage_count; i++) {
		const struct past_usage *row = &f->usage[i];
		size_t minute = forecast_minute_of(f, row);
		if (minute < FORECAST_MINUTES && forecast_counts(f, scope, row))
			out->n[minute] += (double)row->messages;
	}
	for (int i = 0; i < FORECAST_MINUTES; i++) {
		int64_t from = began - i * FORECAST_MINUTE_MS;
		int64_t to = i == 0 ? f->now_ms : from + FORECAST_MINUTE_MS;
		out->open_ms[i] = open_ms(f, scope->site, from, to);
	}
}

static double most_of(const struct forecast_minutes *m)
{
	double most = 0;
	for (int i = 0; i < FORECAST_MINUTES; i++)
		most = fmax(most, m->n[i]);
	return most;
}

static double minutes_of(const struct forecast_minutes *m)
{
	double ms = 0;
	for (int i = 0; i < FORECAST_MINUTES; i++)
		ms += m->open_ms[i];
	return ms / (double)FORECAST_MINUTE_MS;
}

/* Is it held by numbers of hours or days? Then it stands still at times. */
static bool stands_still(const struct lane_limits *lane)
{
	const struct limiter *l = &lane->limiter;
	return l->caps.messages[LIMIT_HOUR].count != LIMIT_NONE ||
	       l->caps.messages[LIMIT_DAY].count != LIMIT_NONE || l->day_budget != LIMIT_NONE ||
	       windows_are_learning(&lane->windows);
}

/* Weighted sums of paces of minutes. */
struct sums {
	double weight, pace, square;
	double minutes, ms;
};

static void add_minute(struct sums *s, double n, double ms, double halves)
{
	double weight = ms * exp2(-halves), pace = n * 1000.0 / ms;
	s->weight += weight;
	s->pace += weight * pace;
	s->square += weight * pace * pace;
	s->minutes += ms / (double)FORECAST_MINUTE_MS;
	s->ms += ms;
}

struct forecast_pace forecast_pace_of(const struct forecast_facts *f,
				      const struct lane_limits *lane)
{
	struct forecast_minutes m;
	struct sums s = {.weight = 0};
	fill(f, &lane->limiter.scope, &m);
	forecast_leave_out_over(f, lane, &m);
	forecast_leave_out_rest(f, lane, &m);
	double least = stands_still(lane) ? STANDSTILL * most_of(&m) : 0;
	double half = fmin(HALF_LIFE_MOST, fmax(HALF_LIFE_LEAST, minutes_of(&m) / HALF_LIFE_PART));
	for (int i = 0; i < FORECAST_MINUTES; i++)
		if (m.open_ms[i] > 0 && (least <= 0 || m.n[i] > least))
			add_minute(&s, m.n[i], m.open_ms[i], i / half);
	if (s.ms < LEAST_MS || s.pace <= 0)
		return (struct forecast_pace){.per_s = 0};
	struct forecast_pace pace = {.per_s = s.pace / s.weight, .doubt = DOUBT_BRIEF};
	double variance = fmax(0, s.square / s.weight - pace.per_s * pace.per_s);
	double error = sqrt(variance / fmax(1, s.minutes / TOGETHER)) / pace.per_s;
	if (s.minutes >= 3)
		pace.doubt = NINETY * sqrt(error * error + DRIFT * DRIFT);
	return pace;
}

/* Since when somebody whom a limiter of this scope counts is at work. */
static int64_t began(const struct forecast_facts *f, const struct limit_scope *scope)
{
	int64_t first = f->now_ms;
	for (size_t i = 0; i < f->job_count; i++) {
		bool is_other =
			scope->level == LEVEL_CAMPAIGN && scope->campaign != f->jobs[i].campaign;
		if (!is_other && f->jobs[i].began_ms < first)
			first = f->jobs[i].began_ms;
	}
	return first;
}

double forecast_busy_per_s(const struct forecast_facts *f, const struct limiter *l)
{
	double n[BUSY_MINUTES] = {0}, most = 0;
	int64_t begin = began(f, &l->scope), minute = forecast_minute_began(f);
	for (size_t i = 0; i < f->usage_count; i++) {
		size_t at = forecast_minute_of(f, &f->usage[i]);
		if (at < BUSY_MINUTES && forecast_counts(f, &l->scope, &f->usage[i]))
			n[at] += (double)f->usage[i].messages;
	}
	for (size_t i = 0; i < f->job_count; i++)
		if (l->scope.level == LEVEL_CAMPAIGN && l->scope.campaign == f->jobs[i].campaign)
			most = f->jobs[i].per_s;
	for (int i = 0; i < BUSY_MINUTES; i++) {
		int64_t from = minute - i * FORECAST_MINUTE_MS,
			to = i == 0 ? f->now_ms : from + FORECAST_MINUTE_MS;
		from = begin > from ? begin : from;
		if (to - from >= LEAST_MS)
			most = fmax(most, n[i] * 1000.0 / (double)(to - from));
	}
	return most;
}
