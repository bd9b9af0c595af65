/* SPDX-License-Identifier: MIT */
/* Sliding windows over a ring of times; see meter.h. */
#include "tests/sink/meter.h"

#include <stdlib.h>

#include "engine/base/must.h"

#define FIRST_CAP 16u

static int64_t at(const struct meter *m, size_t i)
{
	return m->times_us[(m->head + i) & (m->cap - 1)];
}

void meter_init(struct meter *m)
{
	*m = (struct meter){0};
}

void meter_done(struct meter *m)
{
	free(m->times_us);
	meter_init(m);
}

static void grow(struct meter *m)
{
	size_t cap = m->cap ? m->cap * 2 : FIRST_CAP;
	int64_t *times = xcalloc(cap, sizeof(*times));
	for (size_t i = 0; i < m->count; i++)
		times[i] = at(m, i);
	free(m->times_us);
	m->times_us = times;
	m->head = 0;
	m->cap = cap;
}

void meter_add(struct meter *m, int64_t now_us)
{
	while (m->count > 0 && at(m, 0) <= now_us - METER_HOUR_US) {
		m->head = (m->head + 1) & (m->cap - 1);
		m->count--;
	}
	if (m->count == m->cap)
		grow(m);
	m->times_us[(m->head + m->count++) & (m->cap - 1)] = now_us;
}

size_t meter_count(const struct meter *m, int64_t now_us, int64_t period_us)
{
	size_t low = 0, high = m->count; /* the first event inside is in [low, high] */
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (at(m, middle) > now_us - period_us)
			high = middle;
		else
			low = middle + 1;
	}
	return m->count - low;
}
