/* SPDX-License-Identifier: MIT */
/*
 * How often each 64-bit key was seen, and when first: for distinct recipients, duplicates,
 * greylisting and rules that fire only the first time. Keys are hashes; 0 is a valid key.
 * Pure; one thread.
 */
#ifndef EDM_TESTS_SINK_SEEN_H
#define EDM_TESTS_SINK_SEEN_H

#include <stddef.h>
#include <stdint.h>

struct seen_entry {
	uint64_t key;
	int64_t first_us;
	uint64_t times; /* 0 = the slot is free */
};

struct seen {
	struct seen_entry *slots;
	size_t cap; /* 0 or a power of two */
	size_t count;
};

void seen_init(struct seen *s);
void seen_done(struct seen *s);
/* Counts key once more and returns its entry; valid until the next call. */
const struct seen_entry *seen_add(struct seen *s, uint64_t key, int64_t now_us);

#endif
