/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "scheduler/campaign/preflight.h"

#define HOUR_US 3600000000LL

/* A campaign nothing is wrong with. */
static struct preflight_facts good(void)
{
	return (struct preflight_facts){.lists = 1,
					.audience = 10,
					.sources = 2,
					.pool_sources = 1,
					.from_domain = STR("a.example"),
					.domain_is_known = true,
					.signing_keys = 1,
					.unsubscribe_base = STR("https://u.example"),
					.now_us = 10 * HOUR_US,
					.nodes = 1};
}

static bool has(const struct preflight *p, const char *name, bool is_error)
{
	for (size_t i = 0; i < p->count; i++)
		if (strcmp(p->findings[i].name, name) == 0)
			return p->findings[i].is_error == is_error;
	return false;
}

static void nothing_wrong_finds_nothing(void **state)
{
	(void)state;
	struct preflight p;
	struct preflight_facts facts = good();
	preflight_init(&p);
	preflight_judge(&p, &facts);
	assert_int_equal(p.count, 0);
	assert_int_equal(p.errors, 0);
	assert_int_equal(p.audience, 10);
	preflight_done(&p);
}

static void times_are_judged_by_the_start(void **state)
{
	(void)state;
	static const struct {
		int64_t deadline_h, scheduled_h, start_h;
		const char *want; /* NULL: no finding */
	} cases[] = {
		{11, 0, 0, NULL},
		{10, 0, 0, "deadline-past"},
		{11, 12, 0, "deadline-before-start"},
		{13, 12, 0, NULL},
		{13, 12, 14, "deadline-before-start"},
		{0, 12, 0, NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct preflight p;
		struct preflight_facts facts = good();
		facts.deadline_us = cases[i].deadline_h * HOUR_US;
		facts.scheduled_us = cases[i].scheduled_h * HOUR_US;
		preflight_init(&p);
		p.start_us = cases[i].start_h * HOUR_US;
		preflight_judge(&p, &facts);
		assert_int_equal(p.count, cases[i].want != NULL);
		assert_true(cases[i].want == NULL || has(&p, cases[i].want, true));
		preflight_done(&p);
	}
}

static void sending_hours_are_judged(void **state)
{
	(void)state;
	static const struct {
		int64_t opens_h, deadline_h, start_h;
		const char *want; /* NULL: no finding */
		bool want_error;
	} cases[] = {
		{0, 0, 0, NULL, false},
		{12, 0, 0, "outside-hours", false},
		{12, 13, 0, "outside-hours", false},
		{12, 12, 0, "deadline-before-hours", true},
		{12, 0, 14, NULL, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct preflight p;
		struct preflight_facts facts = good();
		facts.opens_us = cases[i].opens_h * HOUR_US;
		facts.deadline_us = cases[i].deadline_h * HOUR_US;
		preflight_init(&p);
		p.start_us = cases[i].start_h * HOUR_US;
		preflight_judge(&p, &facts);
		assert_int_equal(p.count, cases[i].want != NULL);
		assert_true(cases[i].want == NULL || has(&p, cases[i].want, cases[i].want_error));
		preflight_done(&p);
	}
	struct preflight p;
	struct preflight_facts facts = good();
	facts.opens_us = CALENDAR_NEVER;
	preflight_init(&p);
	preflight_judge(&p, &facts);
	assert_true(has(&p, "hours-never", true));
	preflight_done(&p);
}

static void variables_are_errors_only_when_nothing_stands_in(void **state)
{
	(void)state;
	static const struct {
		struct preflight_variable variable;
		const char *want;
		bool want_error;
	} cases[] = {
		{{STR_INIT("a"), .is_needed = true}, "variable-unknown", true},
		{{STR_INIT("a"), .is_needed = false}, "variable-never", false},
		{{STR_INIT("a"), .is_needed = true, .is_known = true, .lacking = 1, .sampled = 2},
		 "variable-missing",
		 false},
		{{STR_INIT("a"), .is_known = true, .lacking = 1, .sampled = 2}, NULL, false},
		{{STR_INIT("a"), .is_needed = true, .is_known = true, .sampled = 2}, NULL, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct preflight p;
		struct preflight_facts facts = good();
		facts.variables = &cases[i].variable;
		facts.variable_count = 1;
		preflight_init(&p);
		preflight_judge(&p, &facts);
		assert_int_equal(p.count, cases[i].want != NULL);
		assert_true(cases[i].want == NULL || has(&p, cases[i].want, cases[i].want_error));
		preflight_done(&p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_wrong_finds_nothing),
		cmocka_unit_test(times_are_judged_by_the_start),
		cmocka_unit_test(sending_hours_are_judged),
		cmocka_unit_test(variables_are_errors_only_when_nothing_stands_in),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
