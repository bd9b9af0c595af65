/* SPDX-License-Identifier: MIT */
/* Counting what comes against what operators state; see meters.h. */
#include "tests/sim/meters.h"

#include <stdio.h>
#include <stdlib.h>

#define PER_CONNECTION LIMIT_METER_COUNT

size_t meters_gauge(struct meters *m, const struct gauge *what)
{
	for (size_t i = 0; i < m->gauge_count; i++) {
		const struct gauge *g = &m->gauges[i];
		if (g->source == what->source && g->target == what->target &&
		    g->domain == what->domain && g->campaign == what->campaign)
			return i;
	}
	must(m->gauge_count < METERS_GAUGES);
	m->gauges[m->gauge_count] = *what;
	return m->gauge_count++;
}

/* Connections are of no campaign and no sending domain, but for those at work for them. */
static bool may_state(enum limit_level level, int number)
{
	if (number == PER_CONNECTION)
		return level == LEVEL_LANE;
	return limit_meter_kind(number) != LIMIT_NEW_CONNECTIONS ||
	       (level != LEVEL_CAMPAIGN && level != LEVEL_DOMAIN);
}

void meters_add(struct meters *m, const struct limit_rule *scope, const size_t *gauges,
		size_t count)
{
	for (int number = 0; number < METERS_NUMBERS; number++) {
		if (!may_state(limit_rule_level(scope), number))
			continue;
		must(m->clause_count < METERS_CLAUSES);
		struct clause *c = &m->clauses[m->clause_count++];
		*c = (struct clause){.rule = *scope, .number = number, .gauge_count = count};
		for (size_t i = 0; i < count; i++)
			c->gauges[i] = gauges[i];
	}
}

void meters_done(struct meters *m)
{
	for (size_t i = 0; i < m->gauge_count; i++) {
		free(m->gauges[i].connects.times);
		free(m->gauges[i].mails.times);
	}
}

/* -------------------------------------------------------------------------------------- clauses */

static int64_t *number_of(struct limit_values *v, int number)
{
	if (number == PER_CONNECTION)
		return &v->messages_per_connection;
	enum limit_period period = limit_meter_period(number);
	switch (limit_meter_kind(number)) {
	case LIMIT_NEW_CONNECTIONS:
		return &v->new_connections[period];
	case LIMIT_MESSAGES:
		return &v->messages[period];
	case LIMIT_CONNECTIONS:
	case LIMIT_MESSAGES_PER_CONNECTION:
		break;
	}
	return &v->connections;
}

struct limit_rule clause_rule(const struct clause *c, int64_t limit, int64_t until_ms)
{
	struct limit_rule rule = c->rule;
	rule.until_ms = until_ms;
	limit_values_init(&rule.values);
	*number_of(&rule.values, c->number) = limit;
	return rule;
}

/* until_ms of what lasts is LIMIT_FOREVER until it is ended. */
void clause_state(struct clause *c, int64_t limit, int64_t until_ms, int64_t now)
{
	for (size_t i = 0; i < c->stated_count; i++) {
		struct stated *s = &c->stated[i];
		if (s->until_ms > now &&
		    (s->until_ms == LIMIT_FOREVER) == (until_ms == LIMIT_FOREVER))
			s->until_ms = now;
	}
	must(c->stated_count < METERS_STATED);
	c->stated[c->stated_count++] = (struct stated){limit, now, until_ms};
}

void clause_unset(struct clause *c, int64_t now)
{
	for (size_t i = 0; i < c->stated_count; i++)
		if (c->stated[i].until_ms > now)
			c->stated[i].until_ms = now;
}

enum limit_kind clause_kind(const struct clause *c)
{
	return c->number == PER_CONNECTION ? LIMIT_MESSAGES_PER_CONNECTION
					   : limit_meter_kind(c->number);
}

static const char *text(struct str s)
{
	return s.len > 0 ? s.ptr : "-";
}

void clause_print(const struct clause *c)
{
	enum limit_kind kind = clause_kind(c);
	fprintf(stderr, "%s provider %s source %s domain %s campaign %lld%s: %s",
		limit_level_name(limit_rule_level(&c->rule)), text(c->rule.provider),
		text(c->rule.source), text(c->rule.domain), (long long)c->rule.campaign,
		c->rule.is_total ? " total" : "", limit_kind_name(kind));
	if (kind == LIMIT_MESSAGES || kind == LIMIT_NEW_CONNECTIONS)
		fprintf(stderr, "/%s", limit_period_name(limit_meter_period(c->number)));
}

/* The number that held at a time: the newest that was stated. */
static int64_t limit_at(const struct clause *c, int64_t at)
{
	for (size_t i = c->stated_count; i > 0; i--)
		if (c->stated[i - 1].set_ms <= at && at < c->stated[i - 1].until_ms)
			return c->stated[i - 1].limit;
	return INT64_MAX;
}

/* The most that held at any time since what arrives now may have left. */
static int64_t allowed(const struct meters *m, const struct clause *c, int64_t now)
{
	int64_t from = now - METERS_GRACE_MS;
	if (from < m->woke_ms)
		from = m->slept_ms - METERS_GRACE_MS;
	int64_t most = limit_at(c, now);
	int64_t other = limit_at(c, from);
	most = other > most ? other : most;
	for (size_t i = 0; i < c->stated_count; i++) {
		const struct stated *s = &c->stated[i];
		if (s->set_ms >= from && s->set_ms <= now &&
		    (other = limit_at(c, s->set_ms)) > most)
			most = other;
		if (s->until_ms >= from && s->until_ms <= now &&
		    (other = limit_at(c, s->until_ms)) > most)
			most = other;
	}
	return most;
}

/* ------------------------------------------------------------------------------------- counting */

static void note(struct gauge_times *t, int64_t now)
{
	if (t->count == t->room) {
		t->room = t->room ? 2 * t->room : 4096;
		t->times = xrealloc(t->times, t->room * sizeof(t->times[0]));
	}
	t->times[t->count++] = now;
	for (int p = 0; p < LIMIT_PERIOD_COUNT; p++)
		while (t->times[t->first[p]] <= now - limit_period_ms((enum limit_period)p))
			t->first[p]++;
}

static int64_t within(const struct gauge_times *t, int number)
{
	return (int64_t)(t->count - t->first[limit_meter_period(number)]);
}

static bool is_of(const struct gauge *g, int target, uint32_t source)
{
	return (g->target < 0 || g->target == target) && (g->source == 0 || g->source == source);
}

static bool is_connections(const struct gauge *g)
{
	return g->domain == 0 && g->campaign == 0;
}

static bool has_gauge(const struct clause *c, size_t gauge)
{
	for (size_t i = 0; i < c->gauge_count; i++)
		if (c->gauges[i] == gauge)
			return true;
	return false;
}

static void judge(struct meters *m, size_t gauge, int number, int64_t count, int64_t now)
{
	for (size_t i = 0; i < m->clause_count; i++) {
		struct clause *c = &m->clauses[i];
		if (c->number != number || c->stated_count == 0 || !has_gauge(c, gauge))
			continue;
		int64_t most = allowed(m, c, now);
		c->is_used_up |= count == most;
		if (count <= most)
			continue;
		c->over++;
		if (c->over > 1 || getenv("EDM_SIM_TELL") == NULL)
			continue;
		clause_print(c);
		fprintf(stderr, ": %lld of %lld at %lld\n", (long long)count, (long long)most,
			(long long)now);
	}
}

void meters_open(struct meters *m, int target, uint32_t source, int64_t now)
{
	m->connects++;
	for (size_t i = 0; i < m->gauge_count; i++) {
		struct gauge *g = &m->gauges[i];
		if (!is_of(g, target, source) || !is_connections(g))
			continue;
		note(&g->connects, now);
		judge(m, i, 0, ++g->open, now);
		for (int p = 0; p < LIMIT_PERIOD_COUNT; p++) {
			int n = limit_meter(LIMIT_NEW_CONNECTIONS, (enum limit_period)p);
			judge(m, i, n, within(&g->connects, n), now);
		}
	}
}

void meters_close(struct meters *m, int target, uint32_t source)
{
	for (size_t i = 0; i < m->gauge_count; i++)
		if (is_of(&m->gauges[i], target, source) && is_connections(&m->gauges[i]))
			m->gauges[i].open--;
}

static bool concerns(const struct gauge *g, int target, const struct receiver_mail *mail)
{
	return is_of(g, target, mail->source) && (g->domain == 0 || g->domain == mail->domain) &&
	       (g->campaign == 0 || g->campaign == mail->campaign);
}

void meters_mail(struct meters *m, int target, const struct receiver_mail *mail, int64_t now)
{
	m->mails++;
	for (size_t i = 0; i < m->gauge_count; i++) {
		struct gauge *g = &m->gauges[i];
		if (!concerns(g, target, mail))
			continue;
		note(&g->mails, now);
		g->at_work++;
		if (!is_connections(g))
			judge(m, i, 0, g->at_work, now);
		judge(m, i, PER_CONNECTION, mail->nth, now);
		for (int p = 0; p < LIMIT_PERIOD_COUNT; p++) {
			int n = limit_meter(LIMIT_MESSAGES, (enum limit_period)p);
			judge(m, i, n, within(&g->mails, n), now);
		}
	}
}

void meters_answer(struct meters *m, int target, const struct receiver_mail *mail)
{
	for (size_t i = 0; i < m->gauge_count; i++)
		if (concerns(&m->gauges[i], target, mail))
			m->gauges[i].at_work--;
}

int64_t meters_over(const struct meters *m, enum limit_kind kind)
{
	int64_t over = 0;
	for (size_t i = 0; i < m->clause_count; i++)
		over += clause_kind(&m->clauses[i]) == kind ? m->clauses[i].over : 0;
	return over;
}

int64_t meters_felt(const struct meters *m, enum limit_kind kind)
{
	int64_t felt = 0;
	for (size_t i = 0; i < m->clause_count; i++)
		felt += clause_kind(&m->clauses[i]) == kind && m->clauses[i].is_used_up;
	return felt;
}
