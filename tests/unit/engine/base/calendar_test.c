/* SPDX-License-Identifier: MIT */
/* Hours of the week: what is read, when they open and close, clocks that go forward and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "engine/base/calendar.h"

#define MIN_US INT64_C(60000000)
#define HOUR_US (60 * MIN_US)
#define DAY_US (24 * HOUR_US)
#define MONDAY_US INT64_C(1795996800000000)  /* 2026-11-30 00:00 UTC */
#define FORWARD_US INT64_C(1774746000000000) /* 2026-03-29 01:00 UTC, a Sunday */
#define BACK_US INT64_C(1792890000000000)    /* 2026-10-25 01:00 UTC, a Sunday */

static struct calendar calendar_of(const char *hours, int64_t offset_s)
{
	struct calendar c = {.count = 0};
	struct err err = {0};
	assert_int_equal(calendar_parse_hours(str_from(hours), &c.hours, &err), 0);
	calendar_add_offset(&c, 0, offset_s);
	return c;
}

/* Berlin over one change of its clocks. */
static struct calendar berlin(const char *hours, int64_t change_us, int64_t offset_s)
{
	struct calendar c = calendar_of(hours, offset_s);
	calendar_add_offset(&c, change_us, 10800 - offset_s);
	return c;
}

static struct calendar_state look(const struct calendar *c, int64_t now_us)
{
	return calendar_look(&c, 1, now_us);
}

static void reads_hours(void **state)
{
	static const struct {
		const char *text;
		int want_minutes; /* open in a week; 0: no hours */
	} cases[] = {
		{"Mon-Fri 09:00-18:00", 5 * 540},
		{"mon-fri 09:00-12:00 13:00-18:00, SAT 10:00-14:00", 5 * 480 + 240},
		{"09:00-21:00", 7 * 720},
		{"周一-周五 09:00-18:00,周日 10:00-11:00", 5 * 540 + 60},
		{"Mon Wed Fri 22:00-06:00", 3 * 480},
		{"Fri-Mon 00:00-24:00", 4 * 1440},
		{"Sun 23:00-01:00", 120},
		{"Mon 09:00-10:00, Mon 09:30-11:00", 120},
		{"", 0},
		{"Mon-Fri", 0},
		{"always", 0},
		{"Mon-Fri 9:00-18:00", 0},
		{"Mon-Fri 09:00", 0},
		{"Mon-Fri 09:00-25:00", 0},
		{"Mon-Fri 09:00-09:00", 0},
		{"24:00-24:00", 0},
		{"24:00-01:00", 0},
		{"09:00-18:00 Mon", 0},
		{"Mon- 09:00-18:00", 0},
		{"Mon-Fri 09:00-18:00, ", 2700}, /* a comma at the end is nothing */
		{"Mon-Fri 09:00-18:00,,Sat 10:00-11:00", 0},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct calendar_hours h = {{0}};
		struct err err = {0};
		int minutes = 0;
		int result = calendar_parse_hours(str_from(cases[i].text), &h, &err);
		for (int at = 0; at < CALENDAR_WEEK_MIN; at++)
			minutes += (h.open[at / 64] & UINT64_C(1) << (at % 64)) != 0;
		if (result != (cases[i].want_minutes > 0 ? 0 : -1) ||
		    minutes != cases[i].want_minutes)
			fail_msg("'%s': %d, %d minutes", cases[i].text, result, minutes);
		if (result != 0)
			assert_int_equal(err.kind, ERR_USAGE);
	}
}

static void reads_hours_with_a_zone(void **state)
{
	struct calendar_hours h;
	struct str zone;
	struct err err = {0};
	(void)state;
	assert_int_equal(
		calendar_parse_zoned(STR(" Mon-Fri 09:00-18:00 Asia/Shanghai "), &h, &zone, &err),
		0);
	assert_true(str_equals(zone, STR("Asia/Shanghai")));
	assert_int_equal(calendar_parse_zoned(STR("Mon-Fri 09:00-18:00"), &h, &zone, &err), -1);
	assert_int_equal(calendar_parse_zoned(STR("Asia/Shanghai"), &h, &zone, &err), -1);
	assert_int_equal(calendar_parse_zoned(STR(""), &h, &zone, &err), -1);
	assert_int_equal(err.kind, ERR_USAGE);
}

static void opens_and_closes_by_the_clock_of_its_zone(void **state)
{
	struct calendar c = calendar_of("Mon-Fri 09:00-18:00", 8 * 3600);
	const int64_t opens = MONDAY_US + HOUR_US, closes = MONDAY_US + 10 * HOUR_US;
	static const struct {
		int64_t at_us;
		bool want_open;
		int64_t want_changes;
	} cases[] = {
		{MONDAY_US, false, MONDAY_US + HOUR_US},
		{MONDAY_US + HOUR_US - 1, false, MONDAY_US + HOUR_US},
		{MONDAY_US + HOUR_US, true, MONDAY_US + 10 * HOUR_US},
		{MONDAY_US + 10 * HOUR_US - 1, true, MONDAY_US + 10 * HOUR_US},
		{MONDAY_US + 10 * HOUR_US, false, MONDAY_US + 25 * HOUR_US},
		{MONDAY_US + 4 * DAY_US + 10 * HOUR_US, false, MONDAY_US + 7 * DAY_US + HOUR_US},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct calendar_state s = look(&c, cases[i].at_us);
		assert_int_equal(s.is_open, cases[i].want_open);
		assert_true(s.changes_us == cases[i].want_changes);
	}
	const struct calendar *all = &c;
	assert_true(calendar_open_us(&all, 1, opens - HOUR_US, closes + HOUR_US) == 9 * HOUR_US);
	assert_true(calendar_open_us(&all, 1, closes, closes + HOUR_US) == 0);
	assert_true(calendar_open_us(&all, 1, opens, opens + 7 * DAY_US) == 45 * HOUR_US);
}

static void an_hour_that_does_not_exist_is_not_open(void **state)
{
	/* 02:00 is 03:00 that day: the hours of the night are over before they began. */
	struct calendar gone = berlin("02:15-02:45", FORWARD_US, 3600);
	struct calendar_state s = look(&gone, FORWARD_US - HOUR_US);
	(void)state;
	assert_false(s.is_open);
	assert_true(s.changes_us == FORWARD_US + 23 * HOUR_US + 15 * MIN_US);
	/* What is open around the gap is so for an hour less. */
	struct calendar night = berlin("00:00-06:00", FORWARD_US, 3600);
	s = look(&night, FORWARD_US - HOUR_US);
	assert_true(s.is_open);
	assert_true(s.changes_us == FORWARD_US + 3 * HOUR_US);
	/* What begins in the gap is open from its end, what ends in it closes at its beginning. */
	struct calendar from_gap = berlin("02:30-04:00", FORWARD_US, 3600);
	assert_true(look(&from_gap, FORWARD_US - HOUR_US).changes_us == FORWARD_US);
	struct calendar to_gap = berlin("01:00-02:30", FORWARD_US, 3600);
	assert_true(look(&to_gap, FORWARD_US - MIN_US).changes_us == FORWARD_US);
}

static void an_hour_that_comes_twice_is_open_twice(void **state)
{
	struct calendar c = berlin("02:15-02:45", BACK_US, 7200);
	struct calendar_state s = look(&c, BACK_US - HOUR_US);
	(void)state;
	assert_true(s.changes_us == BACK_US - 45 * MIN_US);
	s = look(&c, s.changes_us);
	assert_true(s.is_open);
	assert_true(s.changes_us == BACK_US - 15 * MIN_US);
	s = look(&c, s.changes_us);
	assert_true(s.changes_us == BACK_US + 15 * MIN_US);
	s = look(&c, s.changes_us);
	assert_true(s.is_open);
	assert_true(s.changes_us == BACK_US + 45 * MIN_US);
	/* The whole night has an hour more. */
	struct calendar night = berlin("00:00-06:00", BACK_US, 7200);
	const struct calendar *all = &night;
	assert_true(calendar_open_us(&all, 1, BACK_US - 3 * HOUR_US, BACK_US + 9 * HOUR_US) ==
		    7 * HOUR_US);
}

static void several_are_open_when_all_are(void **state)
{
	struct calendar day = calendar_of("09:00-18:00", 0);
	struct calendar evening = calendar_of("17:00-22:00", 0);
	struct calendar night = calendar_of("23:00-01:00", 0);
	const struct calendar *both[] = {&day, NULL, &evening};
	const struct calendar *never[] = {&day, &night};
	struct calendar_state s = calendar_look(both, 3, MONDAY_US);
	(void)state;
	assert_false(s.is_open);
	assert_true(s.changes_us == MONDAY_US + 17 * HOUR_US);
	s = calendar_look(both, 3, s.changes_us);
	assert_true(s.is_open);
	assert_true(s.changes_us == MONDAY_US + 18 * HOUR_US);
	s = calendar_look(never, 2, MONDAY_US);
	assert_false(s.is_open);
	assert_true(s.changes_us == CALENDAR_NEVER);
	s = calendar_look(NULL, 0, MONDAY_US);
	assert_true(s.is_open);
	assert_true(s.changes_us == CALENDAR_NEVER);
}

static void without_a_zone_it_never_opens(void **state)
{
	struct calendar c = {.count = 0};
	struct err err;
	(void)state;
	assert_int_equal(calendar_parse_hours(STR("00:00-24:00"), &c.hours, &err), 0);
	assert_false(look(&c, MONDAY_US).is_open);
	assert_true(look(&c, MONDAY_US).changes_us == CALENDAR_NEVER);
	calendar_add_offset(&c, MONDAY_US, 0);
	assert_true(look(&c, MONDAY_US).is_open);
	assert_true(look(&c, MONDAY_US - DAY_US).is_open);
	assert_true(look(&c, MONDAY_US).changes_us == CALENDAR_NEVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_hours),
		cmocka_unit_test(reads_hours_with_a_zone),
		cmocka_unit_test(opens_and_closes_by_the_clock_of_its_zone),
		cmocka_unit_test(an_hour_that_does_not_exist_is_not_open),
		cmocka_unit_test(an_hour_that_comes_twice_is_open_twice),
		cmocka_unit_test(several_are_open_when_all_are),
		cmocka_unit_test(without_a_zone_it_never_opens),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
