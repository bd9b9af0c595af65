/* SPDX-License-Identifier: MIT */
/* What grows in a letter nobody has taken yet, and its bound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "scheduler/node/work.h"

static void recalls_are_wanted_once(void **state)
{
	(void)state;
	struct node_lease one, other;
	struct work_recalls *r = NULL;
	for (int i = 0; i < 1000; i++) {
		r = work_recalls_add(r, &(struct work_recall){.campaign = 1 + i % 3});
		r = work_recalls_add(r, &(struct work_recall){.lease = i % 2 ? &one : &other});
	}
	assert_int_equal(r->count, 5);
	work_recalls_free(r);
	work_recalls_free(NULL);
}

static void suppressed_people_are_one_sorted_set(void **state)
{
	(void)state;
	uint64_t first[] = {3, 5, 9}, second[] = {1, 5, 5, 10};
	struct work_recalls *r = NULL;
	r = work_recalls_add(r, &(struct work_recall){.rids = first, .rid_count = 3});
	r = work_recalls_add(r, &(struct work_recall){.rids = second, .rid_count = 4});
	/* Everybody is another wish. */
	r = work_recalls_add(r, &(struct work_recall){.campaign = 0});
	assert_int_equal(r->count, 2);
	static const uint64_t want[] = {1, 3, 5, 9, 10};
	assert_int_equal(r->items[0].rid_count, 5);
	assert_memory_equal(r->items[0].rids, want, sizeof(want));
	assert_null(r->items[1].rids);
	work_recalls_free(r);
}

static void flushed_records_are_counted_by_segment(void **state)
{
	(void)state;
	struct work_flushed *f = NULL;
	for (unsigned i = 0; i < 1000; i++)
		f = work_flushed_add(f, 7 + i / 400, 1);
	f = work_flushed_add(f, 7, 10);
	static const struct work_flushed_item want[] = {{7, 410}, {8, 400}, {9, 200}};
	assert_int_equal(f->count, 3);
	for (size_t i = 0; i < f->count; i++) {
		assert_int_equal(f->items[i].segment, want[i].segment);
		assert_int_equal(f->items[i].records, want[i].records);
	}
	work_flushed_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recalls_are_wanted_once),
		cmocka_unit_test(suppressed_people_are_one_sorted_set),
		cmocka_unit_test(flushed_records_are_counted_by_segment),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
