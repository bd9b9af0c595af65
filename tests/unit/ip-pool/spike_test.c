/* SPDX-License-Identifier: MIT */
/* Spikes of unknown addresses: when one begins and ends, what becomes of whom it hits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "ip-pool/spike.h"

#define NOW INT64_C(1000000)
#define HOUR_MS INT64_C(3600000)

/* n answers, the first unknown ones of every `of` unknown; how many of them fell into a spike. */
static unsigned answers(struct spike *s, unsigned n, unsigned unknown, unsigned of, int64_t now)
{
	unsigned hit = 0;
	for (unsigned i = 0; i < n; i++)
		hit += spike_answered(s, i % of < unknown, now);
	return hit;
}

static void a_good_site_that_knows_nobody_any_more_is_in_a_spike(void **state)
{
	(void)state;
	struct spike s = {0};
	assert_int_equal(answers(&s, 5000, 1, 50, NOW), 0);
	unsigned believed = 0;
	while (!spike_answered(&s, true, NOW))
		believed++;
	assert_in_range(believed, 1, SPIKE_MIN);
	assert_int_equal(answers(&s, 1000, 1, 1, NOW), 1000);
}

static void a_site_never_seen_before_is_given_as_many(void **state)
{
	(void)state;
	struct spike s = {0};
	assert_int_equal(answers(&s, SPIKE_MIN - 1, 1, 1, NOW), 0);
	assert_true(spike_answered(&s, true, NOW));
}

/* An old list: a third are gone, evenly or in runs of ten. */
static void many_dead_addresses_are_no_spike(void **state)
{
	(void)state;
	struct spike s = {0};
	assert_int_equal(answers(&s, 5000, 1, 3, NOW), 0);
	s = (struct spike){0};
	assert_int_equal(answers(&s, 5000, 10, 30, NOW), 0);
	/* A good list and its bad end: a tenth. */
	s = (struct spike){0};
	assert_int_equal(answers(&s, 5000, 1, 100, NOW), 0);
	assert_int_equal(answers(&s, 5000, 1, 10, NOW), 0);
}

static void it_ends_by_answers_as_usual_not_by_silence(void **state)
{
	(void)state;
	struct spike s = {0};
	assert_int_equal(answers(&s, 1000, 0, 1, NOW), 0);
	assert_true(answers(&s, 100, 1, 1, NOW) > 0);
	assert_true(spike_answered(&s, true, NOW + 20 * HOUR_MS));
	unsigned hit = answers(&s, 1000, 1, 100, NOW + 20 * HOUR_MS);
	assert_in_range(hit, 1, SPIKE_WINDOW);
	assert_false(spike_answered(&s, true, NOW + 20 * HOUR_MS));
	/* What it was like meanwhile is not what is usual: the next one is seen as soon. */
	assert_true(answers(&s, SPIKE_MIN + 5, 1, 1, NOW + 20 * HOUR_MS) > 0);
}

static void after_a_day_it_is_what_the_site_is_like(void **state)
{
	(void)state;
	struct spike s = {0};
	assert_true(answers(&s, 100, 1, 1, NOW) > 0);
	assert_true(spike_answered(&s, true, NOW + 24 * HOUR_MS - 1));
	assert_int_equal(answers(&s, 10000, 1, 1, NOW + 24 * HOUR_MS), 0);
	/* Once it has good answers again, an outage is an outage. */
	assert_int_equal(answers(&s, 20000, 1, 100, NOW + 25 * HOUR_MS), 0);
	assert_true(answers(&s, 100, 1, 1, NOW + 26 * HOUR_MS) > 0);
}

static void whom_it_hits_is_tried_again_and_never_suppressed(void **state)
{
	(void)state;
	const struct verdict gone = {.klass = OUTCOME_BOUNCED,
				     .cause = CAUSE_USER_UNKNOWN,
				     .scope = SCOPE_RECIPIENT,
				     .actions = ACTION_SUPPRESS};
	assert_true(spike_is_unknown(&gone));
	struct verdict v = gone;
	spike_quarantine(&v, 1);
	assert_int_equal(v.klass, OUTCOME_DEFERRED);
	assert_int_equal(v.cause, CAUSE_USER_UNKNOWN);
	assert_int_equal(v.scope, SCOPE_SITE);
	assert_int_equal(v.actions, ACTION_ALERT);
	assert_int_equal(v.delay_ms, HOUR_MS);
	assert_false(spike_is_unknown(&v));
	v = gone;
	spike_quarantine(&v, SPIKE_RETRIES + 1);
	assert_int_equal(v.klass, OUTCOME_BOUNCED);
	assert_int_equal(v.actions, ACTION_ALERT);
	assert_int_equal(v.delay_ms, 0);
}

static void what_it_made_is_known_again(void **state)
{
	(void)state;
	struct verdict unknown = {.klass = OUTCOME_BOUNCED,
				  .cause = CAUSE_USER_UNKNOWN,
				  .scope = SCOPE_RECIPIENT,
				  .actions = ACTION_SUPPRESS};
	struct verdict made = unknown;
	struct verdict other = {
		.klass = OUTCOME_DEFERRED, .cause = CAUSE_USER_UNKNOWN, .scope = SCOPE_RECIPIENT};
	spike_quarantine(&made, 1);
	assert_true(spike_made(&made, &unknown));
	assert_false(spike_made(&unknown, &unknown));
	assert_false(spike_made(&other, &unknown));
	assert_false(spike_made(&made, &other));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_site_that_knows_nobody_any_more_is_in_a_spike),
		cmocka_unit_test(a_site_never_seen_before_is_given_as_many),
		cmocka_unit_test(many_dead_addresses_are_no_spike),
		cmocka_unit_test(it_ends_by_answers_as_usual_not_by_silence),
		cmocka_unit_test(after_a_day_it_is_what_the_site_is_like),
		cmocka_unit_test(what_it_made_is_known_again),
		cmocka_unit_test(whom_it_hits_is_tried_again_and_never_suppressed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
