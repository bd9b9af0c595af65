/* SPDX-License-Identifier: MIT */
/*
 * A bounded cache with expiry: entries by (kind, name), the least recently used go first.
 *
 * Entries are embedded in the caller's structs. An entry is busy (somebody works on it; it can't
 * be evicted) or settled (it holds a value until expires_at_ms). An expired entry stays until it
 * is asked for again or evicted, so that an old answer can bridge an outage. Pure: the caller says
 * what time it is. Not thread-safe.
 */
#ifndef EDM_ENGINE_DNS_CACHE_H
#define EDM_ENGINE_DNS_CACHE_H

#include "engine/base/list.h"
#include "engine/base/map.h"
#include "engine/base/str.h"

struct cache_entry {
	struct map_node node;
	struct list lru; /* on the cache's list while settled, oldest use first; else on none */
	unsigned kind;
	struct str name; /* the caller's memory */
	size_t bytes;	 /* what the entry counts for */
	int64_t expires_at_ms;
};

struct cache {
	struct map entries;
	struct list lru;
	size_t bytes;	/* sum over all entries, and what they share (cache_charge) */
	size_t budget;	/* settled entries are evicted while bytes is above it */
	size_t evicted; /* entries so far, for gauges */
	/* Frees it; it is already out. */
	void (*on_evict)(struct cache *c, struct cache_entry *entry);
};

void cache_init(struct cache *c, size_t budget,
		void (*on_evict)(struct cache *c, struct cache_entry *entry));
/* Evicts every entry, busy ones too. */
void cache_done(struct cache *c);
/* The entry, fresh or not, now the most recently used; NULL when there is none. */
struct cache_entry *cache_find(struct cache *c, unsigned kind, struct str name);
/* Adds entry, which is not in yet and whose kind and name are set, as busy. */
void cache_add(struct cache *c, struct cache_entry *entry, size_t bytes);
/* Makes a settled entry busy; a busy one stays so. */
void cache_keep(struct cache_entry *entry);
/* Makes a busy entry settled, with its new size and expiry, and evicts others if need be. */
void cache_settle(struct cache *c, struct cache_entry *entry, size_t bytes, int64_t expires_at_ms);
/* Evicts one entry, whatever the budget. */
void cache_remove(struct cache *c, struct cache_entry *entry);
/* Entries share so many bytes more (or less, below 0), which belong to none of them alone. */
void cache_charge(struct cache *c, ptrdiff_t bytes);
/* Settled, and not expired at now_ms. */
bool cache_is_fresh(const struct cache_entry *entry, int64_t now_ms);

#endif
