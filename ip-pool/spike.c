/* SPDX-License-Identifier: MIT */
/* Spikes of unknown addresses; see spike.h. */
#include "ip-pool/spike.h"

/* As old as this the history counts half. */
#define HISTORY_MAX 10000u

static double usual_share(const struct spike *s)
{
	return s->usual < SPIKE_HISTORY ? 0 : (double)s->unknown / s->usual;
}

/* A share above this is none of the usual ones. */
static double unusual_share(const struct spike *s)
{
	if (s->usual < SPIKE_HISTORY)
		return 0.5;
	double usual = usual_share(s);
	double share = usual * 4;
	if (share < 0.2)
		share = 0.2;
	return share > (1 + usual) / 2 ? (1 + usual) / 2 : share;
}

static void remember(struct spike *s, bool is_unknown)
{
	s->usual++;
	s->unknown += is_unknown;
	if (s->usual < HISTORY_MAX)
		return;
	s->usual /= 2;
	s->unknown /= 2;
}

static void push(struct spike *s, bool is_unknown)
{
	if (s->count == SPIKE_WINDOW && !s->is_on)
		remember(s, (s->window >> (SPIKE_WINDOW - 1)) != 0);
	else if (s->count < SPIKE_WINDOW)
		s->count++;
	s->window = s->window << 1 | is_unknown;
}

/* Nothing ended it within a day: it is the usual thing here. */
static void believe(struct spike *s)
{
	s->is_on = false;
	s->usual = SPIKE_HISTORY;
	s->unknown = SPIKE_HISTORY;
}

bool spike_answered(struct spike *s, bool is_unknown, int64_t now)
{
	push(s, is_unknown);
	unsigned unknown = (unsigned)__builtin_popcountll(s->window);
	double share = (double)unknown / s->count;
	double unusual = unusual_share(s);
	if (!s->is_on) {
		s->is_on = unknown >= SPIKE_MIN && share > unusual;
		s->since_ms = now;
	} else if (now - s->since_ms >= SPIKE_LASTS_MS) {
		believe(s);
	} else {
		s->is_on = share > (unusual + usual_share(s)) / 2;
	}
	return s->is_on;
}

bool spike_is_unknown(const struct verdict *verdict)
{
	return verdict->klass == OUTCOME_BOUNCED && (verdict->actions & ACTION_SUPPRESS) != 0;
}

void spike_quarantine(struct verdict *verdict, unsigned attempt)
{
	verdict->actions &= ~(unsigned)ACTION_SUPPRESS;
	verdict->actions |= ACTION_ALERT;
	if (attempt > SPIKE_RETRIES)
		return;
	verdict->klass = OUTCOME_DEFERRED;
	verdict->scope = SCOPE_SITE;
	verdict->delay_ms = SPIKE_DELAY_MS;
}

bool spike_made(const struct verdict *was, const struct verdict *verdict)
{
	struct verdict made = *verdict;
	if (!spike_is_unknown(verdict))
		return false;
	spike_quarantine(&made, 1);
	return was->klass == made.klass && was->cause == made.cause && was->scope == made.scope;
}
