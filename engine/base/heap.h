/* SPDX-License-Identifier: MIT */
/*
 * Intrusive binary min-heap by a 64-bit key (a time, mostly). Equal keys leave in no set order.
 * A node knows its place, so removal and change of key are O(log n). Not thread-safe.
 */
#ifndef EDM_ENGINE_BASE_HEAP_H
#define EDM_ENGINE_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
	int64_t key;
	size_t place; /* 1-based index in the heap; 0 = in none */
};

struct heap {
	struct heap_node **nodes; /* nodes[0 .. count-1] */
	size_t count;
	size_t cap;
};

void heap_init(struct heap *h);
void heap_done(struct heap *h); /* frees the array, not the nodes */
bool heap_has(const struct heap_node *node);
/* node must be in no heap (zeroed at first). */
void heap_insert(struct heap *h, struct heap_node *node, int64_t key);
/* Takes node out if it is in. */
void heap_remove(struct heap *h, struct heap_node *node);
/* Inserts it, or moves it to the new key. */
void heap_set(struct heap *h, struct heap_node *node, int64_t key);
/* The smallest, or NULL. */
struct heap_node *heap_min(const struct heap *h);

#endif
