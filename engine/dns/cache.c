/* SPDX-License-Identifier: MIT */
/* LRU cache with expiry and a byte budget; see cache.h. */
#include "engine/dns/cache.h"

#include "engine/base/hash.h"

struct key {
	unsigned kind;
	struct str name;
};

static bool equals(const struct map_node *node, const void *key)
{
	const struct cache_entry *entry = CONTAINER_OF(node, struct cache_entry, node);
	const struct key *k = key;
	return entry->kind == k->kind && str_equals(entry->name, k->name);
}

static uint64_t hash_of(unsigned kind, struct str name)
{
	return hash_str(name) ^ kind * 0x9E3779B97F4A7C15u;
}

void cache_init(struct cache *c, size_t budget,
		void (*on_evict)(struct cache *c, struct cache_entry *entry))
{
	*c = (struct cache){.budget = budget, .on_evict = on_evict};
	map_init(&c->entries);
	list_init(&c->lru);
}

void cache_remove(struct cache *c, struct cache_entry *entry)
{
	list_remove(&entry->lru);
	map_remove(&c->entries, &entry->node);
	c->bytes -= entry->bytes;
	c->on_evict(c, entry);
}

void cache_done(struct cache *c)
{
	struct map_node *node = map_next(&c->entries, NULL);
	while (node != NULL) {
		struct cache_entry *entry = CONTAINER_OF(node, struct cache_entry, node);
		node = map_next(&c->entries, node);
		cache_remove(c, entry);
	}
	map_done(&c->entries);
}

struct cache_entry *cache_find(struct cache *c, unsigned kind, struct str name)
{
	struct key key = {kind, name};
	struct map_node *node = map_get(&c->entries, hash_of(kind, name), equals, &key);
	if (node == NULL)
		return NULL;
	struct cache_entry *entry = CONTAINER_OF(node, struct cache_entry, node);
	if (!list_is_empty(&entry->lru)) {
		list_remove(&entry->lru);
		list_push_back(&c->lru, &entry->lru);
	}
	return entry;
}

void cache_add(struct cache *c, struct cache_entry *entry, size_t bytes)
{
	list_init(&entry->lru);
	entry->bytes = bytes;
	entry->expires_at_ms = INT64_MIN;
	c->bytes += bytes;
	map_put(&c->entries, &entry->node, hash_of(entry->kind, entry->name));
}

void cache_keep(struct cache_entry *entry)
{
	list_remove(&entry->lru);
}

void cache_settle(struct cache *c, struct cache_entry *entry, size_t bytes, int64_t expires_at_ms)
{
	must(list_is_empty(&entry->lru));
	c->bytes += bytes - entry->bytes;
	entry->bytes = bytes;
	entry->expires_at_ms = expires_at_ms;
	list_push_back(&c->lru, &entry->lru);
	struct list *oldest;
	while (c->bytes > c->budget && (oldest = list_first(&c->lru)) != &entry->lru) {
		c->evicted++;
		cache_remove(c, LIST_ITEM(oldest, struct cache_entry, lru));
	}
}

void cache_charge(struct cache *c, ptrdiff_t bytes)
{
	c->bytes += (size_t)bytes;
}

bool cache_is_fresh(const struct cache_entry *entry, int64_t now_ms)
{
	return !list_is_empty(&entry->lru) && now_ms < entry->expires_at_ms;
}
