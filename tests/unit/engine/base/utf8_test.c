/* SPDX-License-Identifier: MIT */
/* Strict UTF-8 (RFC 3629). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "engine/base/utf8.h"

static void decodes_what_is_valid_and_nothing_else(void **state)
{
	(void)state;
	static const struct {
		const char *bytes;
		size_t want_len;
		uint32_t want_scalar;
	} cases[] = {
		{"a", 1, 'a'},
		{"\xC2\x80", 2, 0x80},
		{"\xC3\xA9x", 2, 0xE9},
		{"\xE4\xBD\xA0", 3, 0x4F60},
		{"\xEF\xBF\xBD", 3, 0xFFFD},
		{"\xF0\x9F\x98\x80", 4, 0x1F600},
		{"\xF4\x8F\xBF\xBF", 4, 0x10FFFF},
		{"", 0, 0}, /* nothing */
		{"\x80", 0, 0},
		{"\xC1\xBF", 0, 0},	    /* overlong */
		{"\xE0\x9F\xBF", 0, 0},	    /* overlong */
		{"\xED\xA0\x80", 0, 0},	    /* surrogate */
		{"\xF4\x90\x80\x80", 0, 0}, /* above U+10FFFF */
		{"\xF5\x80\x80\x80", 0, 0},
		{"\xE4\xBD", 0, 0},
		{"\xE4\xBDx", 0, 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint32_t scalar = 0;
		assert_int_equal(utf8_decode(str_from(cases[i].bytes), &scalar), cases[i].want_len);
		assert_int_equal(scalar, cases[i].want_scalar);
	}
}

static void clip_never_splits_a_character(void **state)
{
	(void)state;
	struct str s = STR("a\xE4\xBD\xA0\xE5\xA5\xBD");
	static const size_t want[] = {0, 1, 1, 1, 4, 4, 4, 7, 7};
	assert_true(utf8_is_valid(s));
	for (size_t max = 0; max < ARRAY_LEN(want); max++)
		assert_int_equal(utf8_clip(s, max).len, want[max]);
}

static void valid_prefix_ends_at_the_first_fault(void **state)
{
	(void)state;
	assert_int_equal(utf8_valid_len(STR("")), 0);
	assert_int_equal(utf8_valid_len(STR("abc")), 3);
	assert_int_equal(utf8_valid_len(STR("\xE4\xB8\xAD\xE6\x96")), 3); /* cut short */
	assert_int_equal(utf8_valid_len(STR("a\xC3\xA9\xC0\xAF z")), 3);  /* overlong */
}

static void every_scalar_survives_a_round_trip(void **state)
{
	(void)state;
	for (uint32_t scalar = 0; scalar <= 0x10FFFF; scalar++) {
		char bytes[4];
		uint32_t got = 0;
		if (scalar == 0xD800)
			scalar = 0xE000;
		size_t len = utf8_encode(scalar, bytes);
		if (utf8_decode(str_of(bytes, len), &got) != len || got != scalar)
			fail_msg("U+%04X came back as U+%04X", (unsigned)scalar, (unsigned)got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(decodes_what_is_valid_and_nothing_else),
		cmocka_unit_test(valid_prefix_ends_at_the_first_fault),
		cmocka_unit_test(every_scalar_survives_a_round_trip),
		cmocka_unit_test(clip_never_splits_a_character),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
