/* SPDX-License-Identifier: MIT */
/* The brake: bounds of shares, canaries, which figure is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "scheduler/plan/brake.h"

static const struct brake_policy policy = {
	.limits = {[BRAKE_BOUNCED] = 0.10, [BRAKE_BLOCKED] = 0.25, [BRAKE_UNAUTHENTICATED] = 0.05},
	.canary = 0.01,
	.least = 100};

static struct brake_figures figures_of(const char *provider, int64_t people, int64_t delivered)
{
	return (struct brake_figures){
		.provider = str_from(provider), .people = people, .delivered = delivered};
}

static void few_messages_tell_little(void **state)
{
	static const struct {
		int64_t n, of;
		double bound; /* Wilson's lower bound with z = 3, solved for elsewhere */
	} cases[] = {
		{10, 10, 0.526316},  {100, 100, 0.917431}, {5, 10, 0.155876},
		{20, 100, 0.107193}, {15, 100, 0.072303},  {2000, 10000, 0.188272},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(brake_is_above(cases[i].n, cases[i].of, cases[i].bound - 1e-5));
		assert_false(brake_is_above(cases[i].n, cases[i].of, cases[i].bound + 1e-5));
	}
	assert_false(brake_is_above(0, 0, 0.1));
	assert_false(brake_is_above(0, 100, 0.1));
	assert_false(brake_is_above(10, 100, 0.1));
}

static void what_is_surely_too_much_stops_it(void **state)
{
	static const struct {
		int64_t people, delivered, bounced, blocked, unauthenticated;
		int want; /* kind, -1: none */
	} cases[] = {
		{1000, 900, 0, 0, 0, -1},
		{1000, 99, 0, 0, 0, -1},
		/* 99 are not judged, whatever they say. */
		{1000, 0, 99, 0, 0, -1},
		{1000, 0, 100, 0, 0, BRAKE_BOUNCED},
		/* Above the limit, but not surely. */
		{1000, 85, 15, 0, 0, -1},
		{10000, 850, 150, 0, 0, BRAKE_BOUNCED},
		{1000, 100, 0, 100, 0, BRAKE_BLOCKED},
		{1000, 150, 0, 50, 0, -1},
		{1000, 150, 0, 0, 50, BRAKE_UNAUTHENTICATED},
		/* The canary of a million is ten thousand. */
		{1000000, 5000, 4999, 0, 0, -1},
		{1000000, 5000, 5000, 0, 0, BRAKE_BOUNCED},
		/* Of two, what is further above its limit. */
		{1000, 100, 60, 0, 60, BRAKE_UNAUTHENTICATED},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct brake_figures f = figures_of("qq", cases[i].people, cases[i].delivered);
		struct brake_verdict v = {.kind = BRAKE_KIND_COUNT};
		f.counts[BRAKE_BOUNCED] = cases[i].bounced;
		f.counts[BRAKE_BLOCKED] = cases[i].blocked;
		f.counts[BRAKE_UNAUTHENTICATED] = cases[i].unauthenticated;
		bool is_stopped = brake_judge(&policy, &f, 1, &v);
		if (is_stopped != (cases[i].want >= 0) ||
		    (is_stopped && (int)v.kind != cases[i].want))
			fail_msg("case %zu: %d, kind %d", i, is_stopped, (int)v.kind);
	}
}

static void a_limit_of_nothing_is_none(void **state)
{
	const struct brake_policy off = {.least = 1};
	struct brake_figures f = figures_of("qq", 1000, 0);
	struct brake_verdict v;
	(void)state;
	f.counts[BRAKE_BOUNCED] = 1000;
	assert_false(brake_judge(&off, &f, 1, &v));
	assert_false(brake_judge(&policy, NULL, 0, &v));
}

static void providers_are_judged_alone_and_together(void **state)
{
	struct brake_figures f[] = {figures_of("gmail", 5000, 900), figures_of("qq", 500, 20),
				    figures_of("", 60, 30)};
	struct brake_verdict v;
	(void)state;
	f[1].counts[BRAKE_BOUNCED] = 100;
	/* gmail's many good ones do not hide qq's. */
	assert_true(brake_judge(&policy, f, 3, &v));
	assert_false(v.is_of_all);
	assert_true(str_equals(v.provider, STR("qq")));
	assert_int_equal(v.n, 100);
	assert_int_equal(v.of, 120);
	/* None alone has been tried enough, all together have. */
	struct brake_figures few[] = {figures_of("gmail", 90, 20), figures_of("qq", 90, 20),
				      figures_of("", 90, 20)};
	for (size_t i = 0; i < 3; i++)
		few[i].counts[BRAKE_BOUNCED] = 40;
	assert_true(brake_judge(&policy, few, 3, &v));
	assert_true(v.is_of_all);
	assert_int_equal(v.of, 180);
}

static void says_it_in_two_languages(void **state)
{
	static const struct {
		struct brake_verdict verdict;
		bool is_chinese;
		const char *want;
	} cases[] = {
		{{BRAKE_BOUNCED, false, STR_INIT("qq"), 84, 200, 0.1},
		 false,
		 "84 of 200 decided attempts at qq (42.0 %) bounced, unknown users not believed "
		 "yet included, above the limit of 10 % (brake.bounced_percent)"},
		{{BRAKE_BLOCKED, false, STR_INIT(""), 2, 3, 0.25},
		 false,
		 "2 of 3 decided attempts at the tail (66.7 %) were blocked or rejected, above the "
		 "limit of 25 % "
		 "(brake.blocked_percent)"},
		{{BRAKE_UNAUTHENTICATED, true, STR_INIT(""), 1, 4, 0.05},
		 false,
		 "1 of 4 decided attempts at all providers (25.0 %) failed authentication, above "
		 "the limit of 5 % "
		 "(brake.unauthenticated_percent)"},
		{{BRAKE_BOUNCED, false, STR_INIT("qq"), 84, 200, 0.1},
		 true,
		 "qq 有结果的 200 次尝试中 84 次（42.0 "
		 "%）退信（含尚未采信的“用户不存在”），超过上限 "
		 "10 %（brake.bounced_percent）"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf text;
		buf_init(&text, 512);
		brake_say(&cases[i].verdict, cases[i].is_chinese, &text);
		assert_string_equal(text.data, cases[i].want);
		buf_done(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(few_messages_tell_little),
		cmocka_unit_test(what_is_surely_too_much_stops_it),
		cmocka_unit_test(a_limit_of_nothing_is_none),
		cmocka_unit_test(providers_are_judged_alone_and_together),
		cmocka_unit_test(says_it_in_two_languages),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
