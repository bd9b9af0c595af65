/* SPDX-License-Identifier: MIT */
/*
 * Intrusive hash map with chaining. The caller gives the hash (hash_str, or a well-mixed key) and
 * an equality function; nodes are embedded in the caller's structs. Not thread-safe.
 */
#ifndef EDM_ENGINE_BASE_MAP_H
#define EDM_ENGINE_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/must.h"

struct map_node {
	struct map_node *next;
	uint64_t hash;
};

struct map {
	struct map_node **buckets;
	size_t bucket_count; /* a power of two, 0 before the first put */
	size_t count;
};

typedef bool (*map_equals)(const struct map_node *node, const void *key);

void map_init(struct map *m);
void map_done(struct map *m); /* frees the table, not the nodes */
/* The node with this hash and key, or NULL. equals NULL: the hash is the key. */
struct map_node *map_get(const struct map *m, uint64_t hash, map_equals equals, const void *key);
/* Adds node; the caller has made sure that the key is not there yet. */
void map_put(struct map *m, struct map_node *node, uint64_t hash);
/* Takes node out; it must be in. */
void map_remove(struct map *m, struct map_node *node);
/* Walks all nodes: start with NULL; returns NULL at the end. The node returned last may be removed
 * only after the next one was fetched. */
struct map_node *map_next(const struct map *m, const struct map_node *after);

#endif
