/* SPDX-License-Identifier: MIT */
/* The retry schedule: delays, jitter, giving up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "engine/base/hash.h"
#include "scheduler/ledger/retry.h"

#define S 1000000

static void delays_follow_the_schedule(void **state)
{
	(void)state;
	static const struct retry_schedule schedule = {{60, 600, 3600}, 3};
	static const struct {
		const char *what;
		unsigned klass;
		int16_t attempts;
		int64_t asked_ms;
		int64_t want_s;
	} cases[] = {
		{"first attempt", OUTCOME_DEFERRED, 1, 0, 60},
		{"second", OUTCOME_DEFERRED, 2, 0, 600},
		{"past the end", OUTCOME_DEFERRED, 9, 0, 3600},
		{"asked for longer", OUTCOME_DEFERRED, 1, 300000, 300},
		{"asked for shorter", OUTCOME_DEFERRED, 2, 1000, 600},
		{"throttled waits as asked", OUTCOME_THROTTLED, 5, 20000, 20},
		{"throttled, nothing asked", OUTCOME_THROTTLED, 5, 0, 60},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint64_t seed = i + 1;
		for (int draw = 0; draw < 200; draw++) {
			struct retry_question q = {.klass = cases[i].klass,
						   .attempts = cases[i].attempts,
						   .give_up_after_s = 172800,
						   .asked_ms = cases[i].asked_ms,
						   .now_us = 1000 * (int64_t)S,
						   .random = prng_next(&seed)};
			int64_t due = 0;
			assert_int_equal(retry_decide(&schedule, &q, &due), RECIPIENT_DEFERRED);
			int64_t wait = due - q.now_us;
			if (wait < cases[i].asked_ms * 1000)
				fail_msg("%s: sooner than asked: %lld us", cases[i].what,
					 (long long)wait);
			if (wait * 100 < cases[i].want_s * S * 85 ||
			    wait * 100 > cases[i].want_s * S * 115)
				fail_msg("%s: waits %lld us", cases[i].what, (long long)wait);
		}
	}
}

static void what_cost_too_much_is_given_up(void **state)
{
	(void)state;
	static const struct retry_schedule schedule = {{3600}, 1};
	struct retry_question q = {.klass = OUTCOME_DEFERRED,
				   .attempts = 3,
				   .age_s = 172800 - 100,
				   .give_up_after_s = 172800};
	int64_t due = 0;
	/* One last try within what is left. */
	assert_int_equal(retry_decide(&schedule, &q, &due), RECIPIENT_DEFERRED);
	assert_true(due == 100 * (int64_t)S);
	q.age_s = 172800;
	assert_int_equal(retry_decide(&schedule, &q, &due), RECIPIENT_EXPIRED);
	q.klass = OUTCOME_BLOCKED;
	assert_int_equal(retry_decide(&schedule, &q, &due), RECIPIENT_BLOCKED);
}

static void unknown_is_tried_again_at_most_once(void **state)
{
	(void)state;
	static const struct {
		bool again;
		int16_t flags;
		enum recipient_state want;
	} cases[] = {
		{false, 0, RECIPIENT_UNKNOWN},
		{true, 0, RECIPIENT_DEFERRED},
		{true, RETRY_AFTER_UNKNOWN, RECIPIENT_UNKNOWN},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct settlement s = {.attempt = 2, .version = 3};
		s.retry.flags = cases[i].flags;
		retry_unknown(&s, cases[i].again, 5);
		assert_int_equal(s.state, cases[i].want);
		assert_int_equal(s.klass, OUTCOME_UNKNOWN);
		if (s.state != RECIPIENT_DEFERRED)
			continue;
		assert_int_equal(s.retry.attempts, 2);
		assert_int_equal(s.retry.version, 3);
		assert_true((s.retry.flags & RETRY_AFTER_UNKNOWN) != 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(delays_follow_the_schedule),
		cmocka_unit_test(what_cost_too_much_is_given_up),
		cmocka_unit_test(unknown_is_tried_again_at_most_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
