/* SPDX-License-Identifier: MIT */
/* Claims: foot in the door, priority, turns, budget. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "engine/base/must.h"
#include "scheduler/plan/planner.h"

static struct plan_need need_of(int32_t campaign, int32_t priority, size_t held, size_t room)
{
	return (struct plan_need){.campaign = campaign,
				  .priority = priority,
				  .held = held,
				  .room = room,
				  .ready_chunks = 100};
}

static void everybody_gets_a_foot_in_the_door_first(void **state)
{
	(void)state;
	struct plan_need needs[] = {need_of(1, 9, 0, 50000), need_of(2, 0, 0, 1000)};
	assert_int_equal(planner_claims(needs, 2, 10000), 10);
	assert_int_equal(needs[0].chunks, 9);
	assert_int_equal(needs[1].chunks, 1);
}

static void priority_then_turns(void **state)
{
	(void)state;
	struct plan_need needs[] = {need_of(1, 0, 1, 50000), need_of(2, 5, 1, 3000),
				    need_of(3, 0, 1, 50000)};
	assert_int_equal(planner_claims(needs, 3, 9000), 9);
	assert_int_equal(needs[1].chunks, 3);
	assert_int_equal(needs[0].chunks, 3);
	assert_int_equal(needs[2].chunks, 3);
}

static void no_room_no_claim_and_never_more_than_is_ready(void **state)
{
	(void)state;
	struct plan_need needs[] = {need_of(1, 0, 0, 0), need_of(2, 0, 2500, 3000),
				    need_of(3, 0, 0, 9000), need_of(4, 0, 4000, 3000)};
	needs[2].ready_chunks = 2;
	assert_int_equal(planner_claims(needs, 4, 100000), 3);
	assert_int_equal(needs[0].chunks, 0);
	assert_int_equal(needs[1].chunks, 1);
	assert_int_equal(needs[2].chunks, 2);
	assert_int_equal(needs[3].chunks, 0);
}

static void who_is_parked_is_back_before_the_lane_goes(void **state)
{
	(void)state;
	static const struct {
		int64_t goes, grain, park, want;
	} cases[] = {
		{60000, 5000, 20000, 52500}, {60000, 10000, 20000, 50000},
		{60000, 5000, 1000, 59500},  {60000, 0, 20000, 57500},
		{5000, 5000, 20000, 1000},   {900, 5000, 20000, 1000},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(
			planner_parked_until_ms(cases[i].goes, cases[i].grain, cases[i].park, 1000),
			cases[i].want);
}

static void budget_bounds_all(void **state)
{
	(void)state;
	struct plan_need needs[] = {need_of(1, 0, 0, 9000), need_of(2, 0, 0, 9000)};
	assert_int_equal(planner_claims(needs, 2, 999), 0);
	assert_int_equal(planner_claims(needs, 2, 1999), 1);
	assert_int_equal(needs[0].chunks, 1);
	assert_int_equal(needs[1].chunks, 0);
}

static void room_follows_the_observed_rate(void **state)
{
	(void)state;
	assert_int_equal(planner_room(0.0, 3000), 1000);
	assert_int_equal(planner_room(2000.0, 3000), 6000);
}

static void a_pace_follows_what_is_settled_and_shuts(void **state)
{
	(void)state;
	struct plan_pace pace = {.settled = 0};
	assert_int_equal(plan_pace_room(&pace, 2000, 5000), 1000);
	for (int s = 0; s < 10; s++) {
		for (int i = 0; i < 1000; i++)
			plan_pace_settle(&pace, 500);
		plan_pace_tick(&pace);
	}
	/* 1,000 a second for the horizon of 2 s, and 12 for each of the 500 that are under way. */
	assert_in_range(plan_pace_room(&pace, 2000, 5000), 7900, 8000);
	pace.shut_until_ms = 7001;
	assert_int_equal(plan_pace_room(&pace, 2000, 5000), 0);
	assert_true(plan_pace_room(&pace, 2000, 5001) > 0);
	/* A queue that could not say when is asked again, though it may be gone by then. */
	plan_pace_shut(&pace, INT64_MAX, 5000);
	assert_int_equal(plan_pace_room(&pace, 2000, 5000), 0);
	assert_true(plan_pace_room(&pace, 2000, 65000) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everybody_gets_a_foot_in_the_door_first),
		cmocka_unit_test(priority_then_turns),
		cmocka_unit_test(no_room_no_claim_and_never_more_than_is_ready),
		cmocka_unit_test(who_is_parked_is_back_before_the_lane_goes),
		cmocka_unit_test(budget_bounds_all),
		cmocka_unit_test(room_follows_the_observed_rate),
		cmocka_unit_test(a_pace_follows_what_is_settled_and_shuts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
