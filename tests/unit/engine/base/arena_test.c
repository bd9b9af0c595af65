/* SPDX-License-Identifier: MIT */
/* Arenas: what is reserved lies in one piece, what is handed out is blank and aligned. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine/base/arena.h"

static void what_is_reserved_lies_in_one_piece(void **state)
{
	(void)state;
	struct arena a;
	arena_init(&a, 64);
	char *name = arena_cstr(&a, STR("group"));
	arena_reserve(&a, 1000 * ARENA_ALIGN);
	char *first = arena_alloc(&a, 1);
	for (size_t i = 1; i < 1000; i++)
		assert_ptr_equal(arena_alloc(&a, ARENA_ALIGN), first + i * ARENA_ALIGN);
	assert_string_equal(name, "group");
	assert_int_equal((uintptr_t)arena_alloc(&a, 3) % ARENA_ALIGN, 0);
	arena_done(&a);
}

static void what_fits_is_not_reserved_again(void **state)
{
	(void)state;
	struct arena a;
	arena_init(&a, 4096);
	char *first = arena_alloc(&a, ARENA_ALIGN);
	arena_reserve(&a, 1024);
	char *next = arena_alloc(&a, 1024);
	assert_ptr_equal(next, first + ARENA_ALIGN);
	for (size_t i = 0; i < 1024; i++)
		assert_int_equal(next[i], 0);
	arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_reserved_lies_in_one_piece),
		cmocka_unit_test(what_fits_is_not_reserved_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
