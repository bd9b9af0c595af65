/* SPDX-License-Identifier: MIT */
/* People of a forecast who are tried, put off and come back; see forecast_private.h. Pure. */
#include <math.h>

#include "scheduler/plan/forecast_private.h"

/* A delay is spread by ±15 % (scheduler/ledger/retry.h). */
#define SPREAD 0.15
#define SPREAD_POINTS 5

int64_t play_bin(const struct play *p, int64_t at_ms)
{
	return (at_ms + p->bin_ms / 2) / p->bin_ms;
}

void play_put_back(struct play *p, struct play_crowd *c, int64_t due_ms, int tries, double n)
{
	int64_t bin = play_bin(p, due_ms);
	if (bin <= p->bin) {
		c->due[tries] += n;
		return;
	}
	if (bin > p->bin + PLAY_BINS - 1)
		bin = p->bin + PLAY_BINS - 1;
	c->bins[bin % PLAY_BINS][tries] += (float)n;
	c->later += n;
	c->throttled += tries == 0 ? n : 0;
}

static void put_back_spread(struct play *p, struct play_crowd *c, int64_t delay_ms, int tries,
			    double n)
{
	for (int i = 0; i < SPREAD_POINTS && n > 0; i++) {
		double off = SPREAD * (2.0 * i / (SPREAD_POINTS - 1) - 1.0) * 0.8;
		int64_t at = p->now_ms + (int64_t)((double)delay_ms * (1.0 + off));
		play_put_back(p, c, at, tries, n / SPREAD_POINTS);
	}
}

void play_come_due(struct play *p)
{
	int64_t last = play_bin(p, p->now_ms), filled = sooner_of(last, p->bin + PLAY_BINS);
	for (; p->bin < filled; p->bin++)
		for (size_t i = 0; i < p->m->crowd_count; i++) {
			struct play_crowd *c = &p->crowds[i];
			float *bin = c->bins[(p->bin + 1) % PLAY_BINS];
			c->throttled -= (double)bin[0];
			for (int k = 0; k < FORECAST_TRIES; k++) {
				c->due[k] += (double)bin[k];
				c->later -= (double)bin[k];
				bin[k] = 0;
			}
		}
	p->bin = last;
}

double play_due(const struct play_crowd *c)
{
	double due = 0;
	for (int k = 0; k < FORECAST_TRIES; k++)
		due += c->due[k];
	return due;
}

double play_left(const struct play_crowd *c)
{
	return c->fresh + play_due(c) + (c->later > 0 ? c->later : 0);
}

static int64_t delay_of(const struct forecast_model *m, int tries)
{
	size_t i = tries > 0 ? (size_t)tries - 1 : 0;
	return m->delays_ms[i < m->delay_count ? i : m->delay_count - 1];
}

void play_find_waits(const struct forecast_model *m, int64_t give_up_ms, int64_t *waits_ms)
{
	for (int tries = 1; tries < FORECAST_TRIES; tries++) {
		int64_t delay = delay_of(m, tries);
		waits_ms[tries] = delay < give_up_ms ? delay : give_up_ms;
		give_up_ms -= waits_ms[tries];
	}
}

double play_share(const struct play *p, const struct play_crowd *c, double share)
{
	double moved = share * exp(p->mood.shares * log1p(c->in->doubt));
	moved += p->mood.shares > 0 ? c->in->unseen : 0;
	return moved < 0.98 ? moved : share < 0.98 ? 0.98 : share;
}

/* n people who have been tried so often are tried again. */
static void try_people(struct play *p, struct play_crowd *c, int tries, double n)
{
	const struct forecast_shares *s = tries == 0 ? &c->in->first : &c->in->later;
	double throttled = n * play_share(p, c, s->throttled);
	double deferred = n * play_share(p, c, s->deferred);
	put_back_spread(p, c, c->in->throttled_ms, tries, throttled);
	if (tries + 1 < FORECAST_TRIES && c->waits_ms[tries + 1] > 0)
		put_back_spread(p, c, c->waits_ms[tries + 1], tries + 1, deferred);
}

void play_settle(struct play *p, struct play_crowd *c)
{
	double due = play_due(c), got = c->got;
	double again = got < due ? got : due;
	double part = due > 0 ? again / due : 0;
	for (int k = 0; k < FORECAST_TRIES; k++) {
		double n = c->due[k] * part;
		c->due[k] -= n;
		if (n > 0)
			try_people(p, c, k, n);
	}
	double fresh = got - again < c->fresh ? got - again : c->fresh;
	c->fresh -= fresh;
	if (fresh > 0)
		try_people(p, c, 0, fresh);
}
