/* SPDX-License-Identifier: MIT */
/* Minutes that tell nothing of a lane's pace, as something held it then that holds it no longer: a
 * limit, a pause, a rest. See forecast_private.h. */
#include "scheduler/report/forecast_private.h"

#define USED 0.8	   /* who used so much of a limit was held by it */
#define MINUTES_BACK 1500  /* usage is known for so long */
#define BUSY_A_MINUTE 10.0 /* of so many a minute not one is no chance */

static bool is_pause(const struct forecast_over *over)
{
	return limit_values_are_empty(&over->rule.values);
}

/* For how long of a minute it held. */
static int64_t overlap_ms(const struct forecast_facts *f, const struct forecast_over *over, int i)
{
	int64_t from = forecast_minute_began(f) - i * FORECAST_MINUTE_MS;
	int64_t to = i == 0 ? f->now_ms : from + FORECAST_MINUTE_MS;
	return sooner_of(over->to_ms, to) - later_of(over->from_ms, from);
}

/* ------------------------------------------------------------------------------------ whom about
 */

/* Everybody who had work at the queue, if anybody, is of this campaign (0: any) and domain (empty:
 * any). */
static bool is_everybody(const struct forecast_facts *f, struct str queue, int64_t campaign,
			 struct str domain)
{
	bool is_any = false;
	for (size_t i = 0; i < f->job_count; i++) {
		const struct forecast_job *job = &f->jobs[i];
		if (job->began_ms >= f->now_ms || !forecast_has_people(f, i, queue))
			continue;
		if ((campaign != 0 && job->campaign != campaign) ||
		    (domain.len > 0 && !str_equals(job->domain, domain)))
			return false;
		is_any = true;
	}
	return is_any;
}

/* The scope of the level that the lane is under. */
static struct limit_scope scope_above(const struct forecast_facts *f,
				      const struct limit_scope *lane, const struct limit_rule *rule)
{
	const struct source *source = ip_pool_source(f->pool, lane->source);
	struct limit_scope scope = *lane;
	scope.level = limit_rule_level(rule);
	scope.node = source != NULL ? source->node : STR("");
	scope.domain = rule->domain;
	scope.campaign = rule->campaign;
	return scope;
}

static bool held_lane(const struct forecast_facts *f, const struct limit_scope *lane,
		      const struct forecast_over *over)
{
	const struct limit_rule *r = &over->rule;
	if (!is_everybody(f, lane->site, r->campaign, r->domain))
		return false;
	if (is_pause(over)) {
		struct pause pause = {.provider = r->provider, .source = r->source};
		return pause_stops_lane(&pause, lane);
	}
	struct limit_scope scope = scope_above(f, lane, r);
	return limit_rule_matches(r, &scope);
}

/* ---------------------------------------------------------------------------------------- bound?
 */

/* sums_out[i]: messages of the scope in minute i and all before it, as far back as usage goes. */
static void add_up(const struct forecast_facts *f, const struct limit_scope *scope,
		   double sums_out[MINUTES_BACK + 1])
{
	for (int i = 0; i <= MINUTES_BACK; i++)
		sums_out[i] = 0;
	for (size_t i = 0; i < f->usage_count; i++) {
		size_t at = forecast_minute_of(f, &f->usage[i]);
		if (at < MINUTES_BACK && forecast_counts(f, scope, &f->usage[i]))
			sums_out[at] += (double)f->usage[i].messages;
	}
	for (int i = MINUTES_BACK - 1; i >= 0; i--)
		sums_out[i] += sums_out[i + 1];
}

/* Was most of it used, in the period that ended with a minute in which it held? */
static bool was_used_up(const struct forecast_facts *f, const struct limit_scope *scope,
			const struct forecast_over *over, enum limit_period period)
{
	double sums[MINUTES_BACK + 1];
	int64_t ms = limit_period_ms(period);
	int minutes = (int)(later_of(ms, FORECAST_MINUTE_MS) / FORECAST_MINUTE_MS);
	double most = USED * (double)over->rule.values.messages[period];
	add_up(f, scope, sums);
	for (int i = 0; i < FORECAST_MINUTES; i++) {
		int64_t held_ms = overlap_ms(f, over, i);
		int64_t span_ms = ms > FORECAST_MINUTE_MS ? ms : held_ms;
		int before = i + minutes < MINUTES_BACK ? i + minutes : MINUTES_BACK;
		if (held_ms > 0 && sums[i] - sums[before] >= most * (double)span_ms / (double)ms)
			return true;
	}
	return false;
}

/* Is a number of connections, or of what they carry, less than what holds now? */
static bool was_tighter(const struct forecast_facts *f, const struct lane_limits *lane,
			const struct limit_scope *scope, const struct limit_rule *rule)
{
	struct caps now;
	limit_resolve(&f->pool->limits, scope,
		      scope->level == LEVEL_LANE ? lane->limiter.profile : NULL, f->now_ms, &now);
	const struct limit_values *v = &rule->values;
	int64_t was = v->connections, is = now.connections.count;
	if (v->messages_per_connection != LIMIT_NONE) {
		was = v->messages_per_connection;
		is = now.messages_per_connection.count;
	}
	for (int p = 0; p < LIMIT_PERIOD_COUNT; p++)
		if (v->new_connections[p] != LIMIT_NONE) {
			was = v->new_connections[p];
			is = now.new_connections[p].count;
		}
	return was != LIMIT_NONE && (is == LIMIT_NONE || was < is);
}

static bool was_bound(const struct forecast_facts *f, const struct lane_limits *lane,
		      const struct forecast_over *over)
{
	struct limit_scope scope = scope_above(f, &lane->limiter.scope, &over->rule);
	if (is_pause(over))
		return true;
	for (int p = 0; p < LIMIT_PERIOD_COUNT; p++)
		if (over->rule.values.messages[p] != LIMIT_NONE)
			return was_used_up(f, &scope, over, (enum limit_period)p);
	return was_tighter(f, lane, &scope, &over->rule);
}

void forecast_leave_out_over(const struct forecast_facts *f, const struct lane_limits *lane,
			     struct forecast_minutes *m)
{
	for (size_t k = 0; k < f->over_count; k++) {
		const struct forecast_over *over = &f->over[k];
		if (!held_lane(f, &lane->limiter.scope, over) || !was_bound(f, lane, over))
			continue;
		for (int i = 0; i < FORECAST_MINUTES; i++)
			if (overlap_ms(f, over, i) > 0)
				m->open_ms[i] = 0;
	}
}

/* -------------------------------------------------------------------------------- rests */

/* Minutes from first to before end in which it stood still. */
struct standstill {
	int first, end;
	int count; /* of standstills: the last one is kept */
};

static bool stood_still(const struct forecast_minutes *m, int i)
{
	return m->open_ms[i] >= (double)FORECAST_MINUTE_MS / 2 && m->n[i] <= 0;
}

/* Only between minutes with messages; one that lasts till now counts if the lane may not send. */
static struct standstill find_standstills(const struct forecast_minutes *m, bool is_closed)
{
	struct standstill s = {.count = 0};
	bool was_busy = is_closed;
	for (int i = 0; i < FORECAST_MINUTES; i++) {
		if (m->n[i] > 0)
			was_busy = true;
		if (!was_busy || !stood_still(m, i))
			continue;
		int end = i;
		while (end < FORECAST_MINUTES && stood_still(m, end))
			end++;
		if (end == FORECAST_MINUTES || m->n[end] <= 0)
			break;
		s = (struct standstill){.first = i, .end = end, .count = s.count + 1};
		i = end - 1;
	}
	return s;
}

static double busy_a_minute(const struct forecast_minutes *m)
{
	double n = 0, ms = 0;
	for (int i = 0; i < FORECAST_MINUTES; i++) {
		n += m->n[i] > 0 ? m->n[i] : 0;
		ms += m->n[i] > 0 ? m->open_ms[i] : 0;
	}
	return ms > 0 ? n * (double)FORECAST_MINUTE_MS / ms : 0;
}

void forecast_leave_out_rest(const struct forecast_facts *f, const struct lane_limits *lane,
			     struct forecast_minutes *m)
{
	bool is_closed = lane->paused_until_ms > f->now_ms || health_is_dead(&lane->health) ||
			 health_message_at(&lane->health, f->now_ms) > f->now_ms;
	struct standstill s = find_standstills(m, is_closed);
	if (s.count != 1 || busy_a_minute(m) < BUSY_A_MINUTE)
		return;
	/* The minutes beside it are of both kinds. */
	int first = s.first > 0 ? s.first - 1 : 0;
	for (int i = first; i <= s.end && i < FORECAST_MINUTES; i++)
		m->open_ms[i] = 0;
}
