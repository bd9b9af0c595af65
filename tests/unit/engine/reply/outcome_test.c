/* SPDX-License-Identifier: MIT */
/* What ends with the receiver's day, by the receiver's clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/engine/reply/rules_support.h"

#define MINUTE_MS INT64_C(60000)
#define HOUR_MS INT64_C(3600000)
#define DAY_US INT64_C(86400000000)

static void it_ends_a_minute_after_the_next_midnight_there(void **state)
{
	(void)state;
	static const struct {
		int zone;
		int64_t hour; /* UTC */
		int64_t want_hours;
	} cases[] = {
		{0, 0, 24},  {0, 23, 1}, {8, 0, 16},  {8, 15, 1},
		{8, 16, 24}, {-5, 4, 1}, {-5, 5, 24},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct verdict v = {.until_day = true, .day_zone = (int8_t)cases[i].zone};
		verdict_end_of_day(&v, 20000 * DAY_US + cases[i].hour * HOUR_MS * 1000);
		assert_int_equal(v.delay_ms, cases[i].want_hours * HOUR_MS + MINUTE_MS);
	}
	struct verdict other = {.delay_ms = 5};
	verdict_end_of_day(&other, 20000 * DAY_US);
	assert_int_equal(other.delay_ms, 5);
}

#define FILE_OF(delay)                                                                             \
	"{\"rules\": [{\"id\": \"a\", \"text\": \"x\", \"class\": \"throttled\", \"cause\": "      \
	"\"rate-limit\", \"scope\": \"domain\", \"actions\": [\"pause-lane\"], \"delay\": "        \
	"\"" delay "\", \"en\": \"e\", \"zh\": \"z\", \"samples\": [\"550 x\"]}]}"

static void a_rule_says_whose_day(void **state)
{
	(void)state;
	static const struct {
		const char *json;
		int want; /* zone; 99: refused */
	} cases[] = {
		{FILE_OF("day+8"), 8},	 {FILE_OF("day-5"), -5},  {FILE_OF("day+0"), 0},
		{FILE_OF("day"), 99},	 {FILE_OF("day+"), 99},	  {FILE_OF("day8"), 99},
		{FILE_OF("day+15"), 99}, {FILE_OF("day+8h"), 99},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err;
		struct rule_file file = {"test.json", str_from(cases[i].json), false};
		struct rule_set *set = rule_set_parse(&file, 1, &err);
		assert_int_equal(set == NULL, cases[i].want == 99);
		if (set == NULL)
			continue;
		struct verdict v = judge_reply(set, "", STAGE_RCPT, "550 x");
		assert_true(v.until_day);
		assert_int_equal(v.day_zone, cases[i].want);
		assert_int_equal(v.delay_ms, 24 * HOUR_MS);
		rule_set_free(set);
	}
	assert_false(judge_reply(builtin, "", STAGE_RCPT, "550 5.1.1 user unknown").until_day);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_ends_a_minute_after_the_next_midnight_there),
		cmocka_unit_test(a_rule_says_whose_day),
	};
	return cmocka_run_group_tests(tests, load_builtin, free_builtin);
}
