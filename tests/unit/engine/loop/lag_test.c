/* SPDX-License-Identifier: MIT */
/* Turn lengths: shares of a thousand, the longest, fading. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/loop/lag.h"

static void shares_are_within_a_fifth_above(void **state)
{
	static const int64_t lengths_us[] = {1, 3, 4, 7, 100, 999, 20000, 12345678};
	(void)state;
	for (size_t i = 0; i < sizeof(lengths_us) / sizeof(lengths_us[0]); i++) {
		struct lag lag = {.total = 0};
		lag_note(&lag, lengths_us[i]);
		int64_t seen = lag_of_thousand_us(&lag, 999);
		assert_true(seen > lengths_us[i]);
		assert_true(seen <= lengths_us[i] + lengths_us[i] / 4 + 1);
	}
}

static void a_rare_turn_counts_where_it_stands(void **state)
{
	struct lag lag = {.total = 0};
	(void)state;
	assert_int_equal(lag_of_thousand_us(&lag, 999), 0);
	for (int i = 0; i < 997; i++)
		lag_note(&lag, 100);
	for (int i = 0; i < 3; i++)
		lag_note(&lag, 50000);
	assert_true(lag_of_thousand_us(&lag, 500) < 130);
	assert_true(lag_of_thousand_us(&lag, 997) < 130);
	assert_true(lag_of_thousand_us(&lag, 999) > 50000);
}

static void the_longest_is_told_once(void **state)
{
	struct lag lag = {.total = 0};
	(void)state;
	lag_note(&lag, 5);
	lag_note(&lag, 70);
	lag_note(&lag, 6);
	assert_int_equal(lag_take_longest_us(&lag), 70);
	assert_int_equal(lag_take_longest_us(&lag), 0);
}

static void old_turns_fade(void **state)
{
	struct lag lag = {.total = 0};
	(void)state;
	for (int i = 0; i < 1000; i++)
		lag_note(&lag, 50000);
	for (int i = 0; i < 1000000; i++)
		lag_note(&lag, 10);
	assert_true(lag_of_thousand_us(&lag, 999) < 20);
	assert_true(lag.total <= 100000);
}

static void absurd_lengths_do_no_harm(void **state)
{
	struct lag lag = {.total = 0};
	(void)state;
	lag_note(&lag, -1);
	lag_note(&lag, 0);
	lag_note(&lag, INT64_MAX);
	assert_true(lag_of_thousand_us(&lag, 1000) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shares_are_within_a_fifth_above),
		cmocka_unit_test(a_rare_turn_counts_where_it_stands),
		cmocka_unit_test(the_longest_is_told_once),
		cmocka_unit_test(old_turns_fade),
		cmocka_unit_test(absurd_lengths_do_no_harm),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
