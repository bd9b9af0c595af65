/* SPDX-License-Identifier: MIT */
/*
 * Counting events the way the other side may count them. Pure; one owner.
 *
 * A slot holds the ends of 1/60 of a period. The ends of slot i lie before (i + 1) · width, so the
 * slot stops counting when now ≥ (i + 1) · width + T. At most TALLY_SLOTS slots can count at once:
 * T / width + 1 < TALLY_SLOTS for every period.
 */
#include "ip-pool/tally.h"

#include <string.h>

static const int64_t widths_ms[LIMIT_PERIOD_COUNT] = {16, 1000, 60000, 1440000};

#define NS_PER_MS INT64_C(1000000)

static int64_t slot_of(enum limit_period period, int64_t at_ms)
{
	int64_t width = widths_ms[period];
	return at_ms >= 0 ? at_ms / width : -((-at_ms + width - 1) / width);
}

/* When slot no longer counts. */
static int64_t slot_expiry(enum limit_period period, int64_t slot)
{
	return (slot + 1) * widths_ms[period] + limit_period_ms(period);
}

static int64_t oldest_slot(enum limit_period period, int64_t now)
{
	return slot_of(period, now - limit_period_ms(period));
}

static uint32_t *slot_at(struct tally_window *w, int64_t slot)
{
	return &w->slots[(uint64_t)slot % TALLY_SLOTS];
}

void tally_init(struct tally *t, int64_t now)
{
	memset(t, 0, sizeof(*t));
	for (int p = 0; p < LIMIT_PERIOD_COUNT; p++) {
		t->windows[p].oldest = oldest_slot((enum limit_period)p, now);
		t->windows[p].next_ns = INT64_MIN;
		t->windows[p].spent_until_ms = INT64_MIN;
	}
}

/* Forgets the slots that no longer count. */
static void forget(struct tally_window *w, enum limit_period period, int64_t now)
{
	int64_t oldest = oldest_slot(period, now);
	if (oldest - w->oldest >= TALLY_SLOTS) {
		memset(w->slots, 0, sizeof(w->slots));
		w->sum = 0;
		w->oldest = oldest;
	}
	while (w->oldest < oldest) {
		uint32_t *slot = slot_at(w, w->oldest++);
		w->sum -= *slot;
		*slot = 0;
	}
}

/* Nanoseconds between two beginnings; 0 where a period is not spaced. */
static int64_t spacing_ns(enum limit_period period, int64_t cap)
{
	if (period > LIMIT_MINUTE || cap <= 0)
		return 0;
	return limit_period_ms(period) * NS_PER_MS / cap;
}

/* How far ahead of its time the last of a burst may begin. */
static int64_t tolerance_ns(int64_t spacing, int64_t cap)
{
	return spacing * (cap / 50);
}

static int64_t spaced_at(const struct tally_window *w, enum limit_period period, int64_t cap,
			 int64_t now)
{
	int64_t spacing = spacing_ns(period, cap);
	if (spacing == 0 || w->next_ns == INT64_MIN)
		return now;
	int64_t tolerance = tolerance_ns(spacing, cap);
	int64_t next = w->next_ns;
	/* After a raise the old spacing must not hold the new one up. */
	if (next > now * NS_PER_MS + tolerance + spacing)
		next = now * NS_PER_MS + tolerance + spacing;
	int64_t at_ns = next - tolerance;
	int64_t at_ms = (at_ns + NS_PER_MS - 1) / NS_PER_MS;
	return at_ms > now ? at_ms : now;
}

/* When the count falls below cap: now, or the expiry of the slots that must go first. */
static int64_t counted_at(struct tally *t, enum limit_period period, int64_t cap, int64_t now)
{
	struct tally_window *w = &t->windows[period];
	forget(w, period, now);
	int64_t excess = t->in_flight + w->sum - cap + 1;
	if (excess <= 0)
		return now;
	int64_t last = slot_of(period, now);
	for (int64_t slot = w->oldest; slot <= last && excess <= w->sum; slot++) {
		excess -= *slot_at(w, slot);
		if (excess <= 0)
			return slot_expiry(period, slot);
	}
	return now + limit_period_ms(period); /* an end that is yet to come, and a period */
}

int64_t tally_ready_at(struct tally *t, const struct cap caps[LIMIT_PERIOD_COUNT], int64_t now,
		       enum limit_period *period_out)
{
	int64_t ready = now;
	for (int p = 0; p < LIMIT_PERIOD_COUNT; p++) {
		enum limit_period period = (enum limit_period)p;
		if (caps[p].count == LIMIT_NONE)
			continue;
		const struct tally_window *w = &t->windows[p];
		int64_t at = counted_at(t, period, caps[p].count, now);
		int64_t spaced = spaced_at(w, period, caps[p].count, now);
		if (spaced > at)
			at = spaced;
		if (w->spent_until_ms > at)
			at = w->spent_until_ms;
		if (at > ready) {
			ready = at;
			*period_out = period;
		}
	}
	return ready;
}

void tally_begin(struct tally *t, const struct cap caps[LIMIT_PERIOD_COUNT], int64_t now)
{
	t->in_flight++;
	t->begun++;
	for (int p = 0; p <= LIMIT_MINUTE; p++) {
		struct tally_window *w = &t->windows[p];
		int64_t spacing = spacing_ns((enum limit_period)p, caps[p].count);
		if (spacing == 0)
			continue;
		int64_t limit = now * NS_PER_MS + tolerance_ns(spacing, caps[p].count);
		if (w->next_ns < now * NS_PER_MS)
			w->next_ns = now * NS_PER_MS;
		if (w->next_ns > limit)
			w->next_ns = limit;
		w->next_ns += spacing;
	}
}

void tally_end(struct tally *t, int64_t now)
{
	must(t->in_flight > 0);
	t->in_flight--;
	tally_add(t, now, 1, now);
}

void tally_add(struct tally *t, int64_t at_ms, int64_t n, int64_t now)
{
	must(n >= 0);
	for (int p = 0; p < LIMIT_PERIOD_COUNT; p++) {
		struct tally_window *w = &t->windows[p];
		forget(w, (enum limit_period)p, now);
		int64_t slot = slot_of((enum limit_period)p, at_ms < now ? at_ms : now);
		if (slot < w->oldest)
			continue;
		uint32_t *count = slot_at(w, slot);
		uint32_t room = UINT32_MAX - *count;
		uint32_t more = n < (int64_t)room ? (uint32_t)n : room;
		*count += more;
		w->sum += more;
	}
}

void tally_merge(struct tally *t, struct tally *other, int64_t now)
{
	for (int p = 0; p < LIMIT_PERIOD_COUNT; p++) {
		struct tally_window *to = &t->windows[p];
		struct tally_window *from = &other->windows[p];
		forget(to, (enum limit_period)p, now);
		forget(from, (enum limit_period)p, now);
		for (size_t i = 0; i < TALLY_SLOTS; i++)
			to->slots[i] += from->slots[i];
		to->sum += from->sum;
		if (from->spent_until_ms > to->spent_until_ms)
			to->spent_until_ms = from->spent_until_ms;
	}
}

void tally_adopt(struct tally *t)
{
	t->in_flight++;
	t->begun++;
}

void tally_distrust(struct tally *t, int64_t last_alive_ms)
{
	for (int p = 0; p <= LIMIT_MINUTE; p++) {
		int64_t until = last_alive_ms + limit_period_ms((enum limit_period)p);
		if (until > t->windows[p].spent_until_ms)
			t->windows[p].spent_until_ms = until;
	}
}

bool tally_is_spent(const struct tally *t, enum limit_period period, int64_t now)
{
	return now < t->windows[period].spent_until_ms;
}

int64_t tally_count(struct tally *t, enum limit_period period, int64_t now)
{
	forget(&t->windows[period], period, now);
	return t->in_flight + t->windows[period].sum;
}

bool tally_is_blank(struct tally *t, const struct cap *caps, int64_t now)
{
	for (int p = 0; p < LIMIT_PERIOD_COUNT; p++) {
		enum limit_period period = (enum limit_period)p;
		if (caps != NULL && caps[p].count == LIMIT_NONE)
			continue;
		if (tally_count(t, period, now) > 0 || tally_is_spent(t, period, now))
			return false;
	}
	return true;
}
