/* SPDX-License-Identifier: MIT */
#include "scheduler/report/format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void check(struct buf *got, const char *want)
{
	assert_string_equal(got->data ? got->data : "", want);
	buf_clear(got);
}

static void test_times(void **state)
{
	(void)state;
	static const struct {
		int64_t us;
		const char *want_en, *want_zh;
	} cases[] = {
		{0, "-", "-"},
		{INT64_MAX, "never", "永不"},
		{1795305483000000, "2026-11-21 23:58 UTC", "2026-11-22 07:58"},
		{-1, "1969-12-31 23:59 UTC", "1970-01-01 07:59"},
	};
	struct buf text;
	buf_init(&text, 256);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		format_time(cases[i].us, LANGUAGE_EN, &text);
		check(&text, cases[i].want_en);
		format_time(cases[i].us, LANGUAGE_ZH, &text);
		check(&text, cases[i].want_zh);
	}
	format_iso(1795305483999999, &text);
	check(&text, "2026-11-21T23:58:03Z");
	buf_done(&text);
}

static void test_spans(void **state)
{
	(void)state;
	static const struct {
		int64_t ms;
		const char *want_en, *want_zh;
	} cases[] = {
		{-5, "0 s", "0 秒"},
		{999, "0 s", "0 秒"},
		{61000, "1 min 1 s", "1 分钟 1 秒"},
		{3600000, "1 h", "1 小时"},
		{3605000, "1 h", "1 小时"},
		{90061000, "1 d 1 h", "1 天 1 小时"},
	};
	struct buf text;
	buf_init(&text, 256);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		format_span(cases[i].ms, LANGUAGE_EN, &text);
		check(&text, cases[i].want_en);
		format_span(cases[i].ms, LANGUAGE_ZH, &text);
		check(&text, cases[i].want_zh);
	}
	buf_done(&text);
}

static void test_numbers(void **state)
{
	(void)state;
	struct buf text;
	buf_init(&text, 256);
	format_people(1234567, LANGUAGE_EN, &text);
	check(&text, "1,234,567");
	format_people(1234567, LANGUAGE_ZH, &text);
	check(&text, "1,234,567（123.4 万）");
	format_people(9999, LANGUAGE_ZH, &text);
	check(&text, "9,999");
	format_people(INT64_MIN, LANGUAGE_EN, &text);
	check(&text, "-9,223,372,036,854,775,808");
	format_share(1, 0, &text);
	check(&text, "-");
	format_share(999999, 1000000, &text);
	check(&text, "99.9 %");
	format_share(1, 100000, &text);
	check(&text, "<0.1 %");
	format_share(0, 100000, &text);
	check(&text, "0.0 %");
	format_share(2, 3, &text);
	check(&text, "66.7 %");
	format_share(INT64_MAX, INT64_MAX, &text);
	check(&text, "100.0 %");
	buf_done(&text);
}

static void test_shares_sum_to_a_hundred(void **state)
{
	(void)state;
	static const struct {
		int64_t parts[4], want[4]; /* tenths of a per cent */
	} cases[] = {
		{{1, 1, 1, 0}, {334, 333, 333, 0}},
		{{2, 1, 0, 0}, {667, 333, 0, 0}},
		{{4, 0, 0, 0}, {1000, 0, 0, 0}},
		{{0, 0, 0, 0}, {0, 0, 0, 0}},
		/* Not everybody is never a hundred: who is left over has a tenth. */
		{{9999, 1, 0, 0}, {999, 1, 0, 0}},
		{{99999, 1, 0, 0}, {999, 1, 0, 0}},
		{{333, 333, 333, 1}, {333, 333, 333, 1}},
		{{6666, 1667, 1667, 0}, {666, 167, 167, 0}},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t tenths[4], whole = 0;
		for (size_t k = 0; k < 4; k++)
			whole += cases[i].parts[k];
		share_tenths(cases[i].parts, 4, tenths);
		int64_t sum = 0;
		for (size_t k = 0; k < 4; k++)
			sum += tenths[k];
		assert_int_equal(sum, whole > 0 ? 1000 : 0);
		assert_memory_equal(tenths, cases[i].want, sizeof(tenths));
	}
}

static void test_replies(void **state)
{
	(void)state;
	struct buf text;
	buf_init(&text, 256);
	format_reply(550, 5001001, STR("No such user"), &text);
	check(&text, "550 5.1.1 No such user");
	format_reply(0, 0, STR("connection refused"), &text);
	check(&text, "connection refused");
	format_reply(0, 4007028, STR(""), &text);
	check(&text, "4.7.28");
	buf_done(&text);
}

static void test_cells_are_safe_in_a_spreadsheet(void **state)
{
	(void)state;
	static const struct {
		struct str cell;
		const char *want;
	} cases[] = {
		{STR_INIT("a@b.c"), "a@b.c"},
		{STR_INIT(""), ""},
		{STR_INIT("=1+1"), "'=1+1"},
		{STR_INIT("  =1+1"), "'  =1+1"},
		{STR_INIT("@SUM(A1)"), "'@SUM(A1)"},
		{STR_INIT("-x"), "'-x"},
		{STR_INIT("＝1"), "'＝1"},
		{STR_INIT("\t=1"), "\"'\t=1\""},
		{STR_INIT("a,\"b\""), "\"a,\"\"b\"\"\""},
		{STR_INIT("=a,b"), "\"'=a,b\""},
	};
	struct buf text;
	buf_init(&text, 256);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		format_csv_cell(cases[i].cell, &text);
		check(&text, cases[i].want);
	}
	buf_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_spans),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_shares_sum_to_a_hundred),
		cmocka_unit_test(test_replies),
		cmocka_unit_test(test_cells_are_safe_in_a_spreadsheet),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
