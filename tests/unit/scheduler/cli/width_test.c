/* SPDX-License-Identifier: MIT */
/* How wide text is on a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "scheduler/cli/cli.h"

static void width_is_that_of_a_terminal(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		size_t want;
	} cases[] = {
		{"", 0},
		{"mx1/qq", 6},
		{"发信 IP", 7},
		{"（，。：）", 10},
		{"ｑｑ", 4},
		{"한국", 4},
		{"かな", 4},
		{"𠮷", 2},
		{"📧", 2},
		{"é ß п", 5},
		{"qq, … → “a” ✓", 13},
		{"\xe4\xbd", 2}, /* cut off: a byte a column */
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(cli_width(cases[i].text), cases[i].want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(width_is_that_of_a_terminal)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
