/* SPDX-License-Identifier: MIT */
/* Plans of warm-ups, and how a lane moves along one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "ip-pool/lane_state.h"

static void warm_up_moves_by_its_rules(void **state)
{
	(void)state;
	static const struct {
		int64_t sent, deferred, blocked;
		bool is_held;
		enum warmup_move want;
	} cases[] = {
		{100, 0, 0, false, WARMUP_ADVANCED}, {100, 4, 0, false, WARMUP_ADVANCED},
		{100, 5, 0, false, WARMUP_STAYED},   {100, 16, 0, false, WARMUP_BACK},
		{100, 0, 1, false, WARMUP_BACK},     {49, 0, 0, false, WARMUP_STAYED},
		{100, 0, 0, true, WARMUP_STAYED},    {0, 0, 0, false, WARMUP_STAYED},
	};
	struct warmup_plan plan;
	struct warmup w;
	struct err err;
	assert_int_equal(warmup_plan_parse(STR("50, 100, 200"), &plan, &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		warmup_init(&w, &plan, 0);
		w.step = 1;
		w.sent = cases[i].sent;
		w.deferred = cases[i].deferred;
		w.blocked = cases[i].blocked;
		w.is_held = cases[i].is_held;
		/* What is plainly bad does not wait for the end of the day. */
		enum warmup_move early =
			cases[i].want == WARMUP_BACK ? WARMUP_BACK : WARMUP_NOT_YET;
		assert_int_equal(warmup_tick(&w, 86399999), early);
		if (early == WARMUP_NOT_YET)
			assert_int_equal(warmup_tick(&w, 86400000), cases[i].want);
	}
	warmup_follow(&w, 9, false, 0);
	assert_int_equal(warmup_budget(&w), -1);
	assert_int_equal(warmup_plan_parse(STR("50,200"), &plan, &err), -1);
	assert_int_equal(warmup_plan_parse(STR("50,40"), &plan, &err), -1);
	assert_int_equal(warmup_plan_parse(STR(""), &plan, &err), -1);
	assert_int_equal(warmup_plan_parse(STR("x"), &plan, &err), -1);
}

/* Be it the same numbers again. */
static void another_plan_begins_at_its_first_step(void **state)
{
	(void)state;
	struct warmup_plan plan, again;
	struct warmup_state saved, back;
	struct warmup w;
	struct err err;
	struct buf json;
	buf_init(&json, 4096);
	assert_int_equal(warmup_plan_parse(STR("50,100,200"), &plan, &err), 0);
	warmup_plan_render_json(&plan, &json);
	assert_int_equal(warmup_plan_parse_json(buf_str(&json), &again), 0);
	assert_int_equal(again.begun_us, 0);
	assert_int_equal(
		warmup_plan_parse_json(STR("{\"plan\":[50,100,200],\"begun_us\":1700000000000000}"),
				       &again),
		0);
	assert_true(again.begun_us == INT64_C(1700000000000000));
	warmup_init(&w, &plan, 0);
	warmup_follow(&w, 2, true, 0);
	warmup_bind(&w, &plan, 10);
	assert_int_equal(w.step, 2);
	warmup_state_save(&w, 10, &saved);
	buf_clear(&json);
	warmup_state_render(&saved, &json);
	assert_int_equal(warmup_state_parse(buf_str(&json), &back), 0);
	warmup_state_load(&w, &plan, &back, 0, 20);
	assert_int_equal(w.step, 2);
	warmup_bind(&w, &again, 30);
	assert_int_equal(w.step, 0);
	assert_false(w.is_held);
	warmup_follow(&w, 1, false, 40);
	assert_int_equal(w.step, 1);
	warmup_bind(&w, &again, 50);
	assert_int_equal(w.step, 1);
	warmup_state_load(&w, &again, &back, 0, 60);
	assert_int_equal(w.step, 0);
	buf_done(&json);
}

static void the_usual_curve_ends_at_its_target(void **state)
{
	(void)state;
	static const struct {
		int64_t target;
		int64_t want[8];
		size_t want_count;
	} cases[] = {
		{20, {20}, 1},
		{50, {50}, 1},
		{51, {50, 51}, 2},
		{200, {50, 100, 200}, 3},
		{5000, {50, 100, 200, 500, 1000, 2000, 5000}, 7},
		{6000, {50, 100, 200, 500, 1000, 2000, 5000, 6000}, 8},
	};
	struct warmup_plan plan;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		warmup_plan_default(&plan, cases[i].target);
		assert_int_equal(plan.count, cases[i].want_count);
		for (size_t k = 0; k < plan.count; k++)
			assert_int_equal(plan.budgets[k], cases[i].want[k]);
	}
	warmup_plan_default(&plan, INT64_C(1000000000));
	assert_int_equal(plan.budgets[plan.count - 1], INT64_C(1000000000));
}

/* So many messages on a day, of which so many were deferred. */
static enum warmup_move warm_up_day(struct warmup *w, int64_t *day, int64_t sent, int64_t deferred)
{
	w->sent = sent;
	w->deferred = deferred;
	return warmup_tick(w, ++*day * 86400000);
}

/* Each return from a step makes coming back to it take longer, until a day there is clean. */
static void warm_up_is_patient_below_a_step_that_failed(void **state)
{
	(void)state;
	struct warmup_plan plan;
	struct warmup w;
	struct err err;
	int64_t day = 0;
	assert_int_equal(warmup_plan_parse(STR("50, 100, 200, 400"), &plan, &err), 0);
	warmup_init(&w, &plan, 0);
	assert_int_equal(warm_up_day(&w, &day, 50, 0), WARMUP_ADVANCED);
	for (int failed = 1; failed <= 4; failed++) {
		assert_int_equal(warm_up_day(&w, &day, 50, 20), WARMUP_BACK);
		int clean = 1;
		while (warm_up_day(&w, &day, 50, 0) == WARMUP_STAYED)
			clean++;
		assert_int_equal(clean, failed < 3 ? 1 << failed : 8);
	}
	assert_int_equal(w.step, 1);
	assert_int_equal(warm_up_day(&w, &day, 100, 0), WARMUP_ADVANCED);
	assert_int_equal(warm_up_day(&w, &day, 200, 0), WARMUP_ADVANCED);
	/* A few messages do not tell, before the day is over. */
	w.sent = 30;
	w.deferred = 15;
	assert_int_equal(warmup_tick(&w, day * 86400000 + 1), WARMUP_NOT_YET);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(warm_up_moves_by_its_rules),
		cmocka_unit_test(another_plan_begins_at_its_first_step),
		cmocka_unit_test(the_usual_curve_ends_at_its_target),
		cmocka_unit_test(warm_up_is_patient_below_a_step_that_failed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
