/* SPDX-License-Identifier: MIT */
/* The cache: expiry by simulated time, eviction by budget, busy entries stay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "engine/dns/cache.h"

struct item {
	struct cache_entry entry;
	bool is_evicted;
};

static void on_evict(struct cache *c, struct cache_entry *entry)
{
	(void)c;
	CONTAINER_OF(entry, struct item, entry)->is_evicted = true;
}

static void add(struct cache *c, struct item *item, unsigned kind, const char *name)
{
	item->entry.kind = kind;
	item->entry.name = str_from(name);
	cache_add(c, &item->entry, 10);
}

static void entries_expire_and_keep_their_kind_apart(void **state)
{
	(void)state;
	struct cache c;
	struct item mx = {0}, a = {0};
	cache_init(&c, 1000, on_evict);
	add(&c, &mx, 15, "a.com");
	add(&c, &a, 1, "a.com");
	assert_false(cache_is_fresh(&mx.entry, 0));
	cache_settle(&c, &mx.entry, 20, 5000);
	assert_true(cache_is_fresh(&mx.entry, 4999));
	assert_false(cache_is_fresh(&mx.entry, 5000));
	assert_ptr_equal(cache_find(&c, 15, STR("a.com")), &mx.entry);
	assert_ptr_equal(cache_find(&c, 1, STR("a.com")), &a.entry);
	assert_null(cache_find(&c, 1, STR("b.com")));
	assert_int_equal(c.bytes, 30);
	cache_done(&c);
	assert_true(mx.is_evicted && a.is_evicted);
}

static void the_least_recently_used_goes_first(void **state)
{
	(void)state;
	struct cache c;
	struct item items[4] = {0};
	static const char *const names[] = {"a", "b", "c", "d"};
	cache_init(&c, 30, on_evict);
	for (size_t i = 0; i < 3; i++) {
		add(&c, &items[i], 1, names[i]);
		cache_settle(&c, &items[i].entry, 10, 1);
	}
	assert_non_null(cache_find(&c, 1, STR("a"))); /* now b is the oldest use */
	cache_keep(&items[2].entry);
	add(&c, &items[3], 1, "d");
	cache_settle(&c, &items[3].entry, 25, 1);
	assert_true(items[0].is_evicted);
	assert_true(items[1].is_evicted);
	assert_false(items[2].is_evicted); /* busy */
	assert_false(items[3].is_evicted);
	assert_int_equal(c.bytes, 35);
	cache_settle(&c, &items[2].entry, 5, 1);
	assert_int_equal(c.bytes, 30);
	assert_int_equal(c.evicted, 2);
	cache_done(&c);
}

static void what_entries_share_counts_against_the_budget(void **state)
{
	(void)state;
	struct cache c;
	struct item items[3] = {0};
	static const char *const names[] = {"a", "b", "c"};
	cache_init(&c, 30, on_evict);
	cache_charge(&c, 10);
	for (size_t i = 0; i < 3; i++) {
		add(&c, &items[i], 1, names[i]);
		cache_settle(&c, &items[i].entry, 10, 1);
	}
	assert_true(items[0].is_evicted);
	assert_int_equal(c.bytes, 30);
	cache_charge(&c, -10);
	cache_remove(&c, &items[1].entry);
	assert_true(items[1].is_evicted);
	assert_int_equal(c.bytes, 10);
	assert_null(cache_find(&c, 1, STR("b")));
	cache_done(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_expire_and_keep_their_kind_apart),
		cmocka_unit_test(the_least_recently_used_goes_first),
		cmocka_unit_test(what_entries_share_counts_against_the_budget),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
