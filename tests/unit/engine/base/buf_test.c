/* SPDX-License-Identifier: MIT */
/* Buffers: the maximum, and what is written into them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "engine/base/buf.h"

static void nothing_passes_the_maximum(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b, 5);
	buf_append_cstr(&b, "abc");
	buf_append_cstr(&b, "def");
	assert_true(b.is_truncated);
	assert_string_equal(b.data, "abc");
	buf_append_cstr(&b, "d");
	assert_string_equal(b.data, "abc");
	buf_clear(&b);
	buf_append_cstr(&b, "abcde");
	assert_false(b.is_truncated);
	assert_string_equal(b.data, "abcde");
	buf_done(&b);
}

static void json_strings_are_escaped(void **state)
{
	(void)state;
	static const struct {
		struct str text;
		const char *want;
	} cases[] = {
		{STR_INIT(""), "\"\""},
		{STR_INIT("王 a/b"), "\"王 a/b\""},
		{STR_INIT("\"\\\n\0\x1F\x7F"), "\"\\\"\\\\\\u000a\\u0000\\u001f\x7F\""},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf b;
		buf_init(&b, 100);
		buf_append_json(&b, cases[i].text);
		assert_string_equal(b.data, cases[i].want);
		buf_done(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_passes_the_maximum),
		cmocka_unit_test(json_strings_are_escaped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
