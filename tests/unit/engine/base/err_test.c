/* SPDX-License-Identifier: MIT */
/* Errors that are longer than there is room for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "engine/base/err.h"
#include "engine/base/utf8.h"

static void a_long_text_ends_with_a_whole_character(void **state)
{
	(void)state;
	char long_text[700];
	size_t at;
	struct err err;
	for (size_t before = 0; before < 4; before++) {
		memset(long_text, 'a', before);
		for (at = before; at + 3 < sizeof(long_text); at += 3)
			memcpy(long_text + at, "错", 3);
		long_text[at] = '\0';
		assert_int_equal(err_set(&err, ERR_INPUT, "%s", long_text), -1);
		assert_true(utf8_is_valid(str_from(err.text)));
		assert_in_range(strlen(err.text), sizeof(err.text) - 6, sizeof(err.text) - 1);
		assert_int_equal(err_prefix(&err, "%.*s", (int)before + 1, "list"), -1);
		assert_true(utf8_is_valid(str_from(err.text)));
	}
	assert_int_equal(err_errno(&err, 2, "%s", "cannot open x"), -1);
	assert_string_equal(err.text, "cannot open x: No such file or directory");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_long_text_ends_with_a_whole_character),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
