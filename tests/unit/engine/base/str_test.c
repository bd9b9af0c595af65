/* SPDX-License-Identifier: MIT */
/* Slices: searching, cutting, numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "engine/base/str.h"

static void take_until_walks_all_parts(void **state)
{
	(void)state;
	struct str rest = STR("a,,b");
	assert_true(str_equals(str_take_until(&rest, ','), STR("a")));
	assert_true(str_equals(str_take_until(&rest, ','), STR("")));
	assert_true(str_equals(str_take_until(&rest, ','), STR("b")));
	assert_int_equal(rest.len, 0);
}

static void numbers_refuse_junk_and_overflow(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int want;
		int64_t want_value;
	} cases[] = {
		{"0", 0, 0},
		{"-1", 0, -1},
		{"9223372036854775807", 0, INT64_MAX},
		{"-9223372036854775808", 0, INT64_MIN},
		{"9223372036854775808", -1, 0},
		{"", -1, 0},
		{"-", -1, 0},
		{"1 ", -1, 0},
		{"0x1", -1, 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t value = 0;
		assert_int_equal(str_to_i64(str_from(cases[i].text), &value), cases[i].want);
		assert_true(value == cases[i].want_value);
	}
}

static void trim_and_case(void **state)
{
	(void)state;
	assert_true(str_equals(str_trim(STR(" \tx y\r\n")), STR("x y")));
	assert_true(str_equals(str_trim(STR("  ")), STR("")));
	assert_true(str_equals_nocase(STR("AbC"), STR("aBc")));
	assert_false(str_equals_nocase(STR("AbC"), STR("aBcd")));
	assert_true(str_ends_with_nocase(STR("mx.QQ.com"), STR(".qq.COM")));
	assert_int_equal(str_find(STR("hello"), STR("llo")), 2);
	assert_int_equal(str_find(STR("hello"), STR("x")), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(take_until_walks_all_parts),
		cmocka_unit_test(numbers_refuse_junk_and_overflow),
		cmocka_unit_test(trim_and_case),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
