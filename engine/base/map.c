/* SPDX-License-Identifier: MIT */
/* Intrusive hash map; see map.h. */
#include "engine/base/map.h"

#include <stdlib.h>

#define FIRST_BUCKETS 16u

void map_init(struct map *m)
{
	*m = (struct map){0};
}

void map_done(struct map *m)
{
	if (m == NULL)
		return;
	free(m->buckets);
	*m = (struct map){0};
}

/* Spreads weak hashes (small integers) over the table: Fibonacci hashing. */
static size_t bucket_of(const struct map *m, uint64_t hash)
{
	return (size_t)((hash * 0x9E3779B97F4A7C15u) >> 32) & (m->bucket_count - 1);
}

static void grow(struct map *m)
{
	struct map old = *m;
	m->bucket_count = old.bucket_count ? old.bucket_count * 2 : FIRST_BUCKETS;
	m->buckets = xcalloc(m->bucket_count, sizeof(m->buckets[0]));
	for (size_t i = 0; i < old.bucket_count; i++) {
		struct map_node *node = old.buckets[i];
		while (node != NULL) {
			struct map_node *next = node->next;
			size_t b = bucket_of(m, node->hash);
			node->next = m->buckets[b];
			m->buckets[b] = node;
			node = next;
		}
	}
	free(old.buckets);
}

struct map_node *map_get(const struct map *m, uint64_t hash, map_equals equals, const void *key)
{
	if (m->count == 0)
		return NULL;
	struct map_node *node = m->buckets[bucket_of(m, hash)];
	while (node != NULL && !(node->hash == hash && (equals == NULL || equals(node, key))))
		node = node->next;
	return node;
}

void map_put(struct map *m, struct map_node *node, uint64_t hash)
{
	if (m->count >= m->bucket_count)
		grow(m);
	size_t b = bucket_of(m, hash);
	node->hash = hash;
	node->next = m->buckets[b];
	m->buckets[b] = node;
	m->count++;
}

void map_remove(struct map *m, struct map_node *node)
{
	must(m->count > 0);
	struct map_node **link = &m->buckets[bucket_of(m, node->hash)];
	while (*link != NULL && *link != node)
		link = &(*link)->next;
	must(*link == node);
	*link = node->next;
	node->next = NULL;
	m->count--;
}

struct map_node *map_next(const struct map *m, const struct map_node *after)
{
	size_t b = 0;
	if (after != NULL) {
		if (after->next != NULL)
			return after->next;
		b = bucket_of(m, after->hash) + 1;
	}
	while (b < m->bucket_count && m->buckets[b] == NULL)
		b++;
	return b < m->bucket_count ? m->buckets[b] : NULL;
}
