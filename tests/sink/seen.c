/* SPDX-License-Identifier: MIT */
/* Open addressing with linear probing; see seen.h. */
#include "tests/sink/seen.h"

#include <stdlib.h>

#include "engine/base/must.h"

#define FIRST_CAP 64u

void seen_init(struct seen *s)
{
	*s = (struct seen){0};
}

void seen_done(struct seen *s)
{
	free(s->slots);
	seen_init(s);
}

static struct seen_entry *slot_of(struct seen_entry *slots, size_t cap, uint64_t key)
{
	size_t i = (size_t)((key * UINT64_C(0x9E3779B97F4A7C15)) >> 20) & (cap - 1);
	while (slots[i].times > 0 && slots[i].key != key)
		i = (i + 1) & (cap - 1);
	return &slots[i];
}

static void grow(struct seen *s)
{
	size_t cap = s->cap ? s->cap * 2 : FIRST_CAP;
	struct seen_entry *slots = xcalloc(cap, sizeof(*slots));
	for (size_t i = 0; i < s->cap; i++)
		if (s->slots[i].times > 0)
			*slot_of(slots, cap, s->slots[i].key) = s->slots[i];
	free(s->slots);
	s->slots = slots;
	s->cap = cap;
}

const struct seen_entry *seen_add(struct seen *s, uint64_t key, int64_t now_us)
{
	if (s->count * 4 >= s->cap * 3)
		grow(s);
	struct seen_entry *entry = slot_of(s->slots, s->cap, key);
	if (entry->times++ == 0) {
		entry->key = key;
		entry->first_us = now_us;
		s->count++;
	}
	return entry;
}
