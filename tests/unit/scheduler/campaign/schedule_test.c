/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scheduler/campaign/schedule.h"

static void times_are_read_strictly(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		const char *want; /* NULL: refused */
	} cases[] = {
		{"2026-12-01 09:00", "2026-12-01 09:00:00"},
		{" 2026-12-01T09:00 ", "2026-12-01 09:00:00"},
		{"2026-12-01 09:00:07", "2026-12-01 09:00:07"},
		{"2028-02-29 23:59", "2028-02-29 23:59:00"},
		{"2026-02-29 00:00", NULL},
		{"2100-02-29 00:00", NULL},
		{"2026-13-01 00:00", NULL},
		{"2026-00-01 00:00", NULL},
		{"2026-12-00 00:00", NULL},
		{"2026-12-01 24:00", NULL},
		{"2026-12-01 09:60", NULL},
		{"2026-12-01 09:00:60", NULL},
		{"2026-12-01 9:00", NULL},
		{"2026-12-01", NULL},
		{"2026/12/01 09:00", NULL},
		{"2026-12-01 09:00Z", NULL},
		{"tomorrow", NULL},
		{"", NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char out[SCHEDULE_TEXT_MAX] = "untouched";
		struct err err = {0};
		int result = schedule_parse(str_from(cases[i].text), out, &err);
		assert_int_equal(result, cases[i].want ? 0 : -1);
		assert_string_equal(out, cases[i].want ? cases[i].want : "untouched");
		assert_int_equal(err.kind, cases[i].want ? ERR_NONE : ERR_USAGE);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_are_read_strictly),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
