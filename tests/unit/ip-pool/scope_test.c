/* SPDX-License-Identifier: MIT */
/* Whom a limit is about, of answers to two sources and four campaigns of two domains. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "engine/base/hash.h"
#include "ip-pool/scope.h"

#define NOW INT64_C(5000000)

typedef bool (*throttles)(const struct scope_event *e, uint64_t random);

/* Answers, one every 100 ms, of all sources and campaigns by turns. */
static int64_t play(struct scope_watch *w, throttles is_throttled, int count, int64_t now)
{
	uint64_t prng = 77;
	for (int i = 0; i < count; i++, now += 100) {
		uint64_t random = prng_next(&prng);
		int32_t campaign = 1 + (int32_t)(random % 4);
		struct scope_event e = {.source = 1 + (uint32_t)(random / 4 % 2),
					.domain = 1 + (campaign > 2),
					.campaign = campaign,
					.recipient = 1 + random / 8 % 60};
		e.is_throttled = is_throttled(&e, random / 1024);
		scope_watch_note(w, &e, now);
	}
	return now;
}

static bool first_source(const struct scope_event *e, uint64_t random)
{
	return e->source == 1 && random % 4 == 0;
}

static bool first_domain(const struct scope_event *e, uint64_t random)
{
	return e->domain == 1 && random % 4 == 0;
}

static bool first_campaign(const struct scope_event *e, uint64_t random)
{
	return e->campaign == 1 && random % 4 == 0;
}

static bool some_people(const struct scope_event *e, uint64_t random)
{
	(void)random;
	return e->recipient <= 6;
}

static bool everybody(const struct scope_event *e, uint64_t random)
{
	(void)e;
	return random % 4 == 0;
}

static bool nobody(const struct scope_event *e, uint64_t random)
{
	(void)e;
	(void)random;
	return false;
}

static void it_is_told_by_who_goes_on(void **state)
{
	(void)state;
	static const struct {
		throttles is_throttled;
		enum outcome_scope want;
	} cases[] = {
		{first_source, SCOPE_SOURCE},	  {first_domain, SCOPE_DOMAIN},
		{first_campaign, SCOPE_CAMPAIGN}, {some_people, SCOPE_RECIPIENT},
		{everybody, SCOPE_SITE},	  {nobody, 0},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct scope_watch w;
		scope_watch_init(&w, NOW);
		(void)play(&w, cases[i].is_throttled, 1000, NOW);
		assert_int_equal(scope_watch_tell(&w), cases[i].want);
	}
}

static void with_nobody_to_compare_it_is_not_told(void **state)
{
	(void)state;
	struct scope_watch w;
	scope_watch_init(&w, NOW);
	for (int i = 0; i < 100; i++) {
		struct scope_event e = {.source = 1,
					.domain = 1,
					.campaign = 1,
					.recipient = 1 + (uint64_t)i,
					.is_throttled = i % 2 == 0};
		scope_watch_note(&w, &e, NOW + i);
	}
	assert_int_equal(scope_watch_tell(&w), 0);
}

/* Few refusals tell of whoever sends little, if those who send much have none. */
static void few_are_enough_of_who_sends_little(void **state)
{
	(void)state;
	static const struct {
		int throttled;
		uint64_t one_in; /* answers are of the first source */
		enum outcome_scope want;
	} cases[] = {{4, 20, SCOPE_SOURCE}, {2, 20, 0}, {4, 2, 0}, {8, 2, SCOPE_SOURCE}};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct scope_watch w;
		int throttled = 0;
		scope_watch_init(&w, NOW);
		for (uint64_t k = 0; k < 1000; k++) {
			bool is_first = k % cases[i].one_in == 0;
			struct scope_event e = {.source = is_first ? 1 : 2,
						.domain = 1,
						.campaign = 1 + (int32_t)(k / 40 % 4),
						.recipient = k + 1,
						.is_throttled = is_first && k % 10 == 0 &&
								throttled < cases[i].throttled};
			throttled += e.is_throttled;
			scope_watch_note(&w, &e, NOW + (int64_t)k);
		}
		assert_int_equal(scope_watch_tell(&w), cases[i].want);
	}
}

/* Three refusals of three of twenty campaigns are what chance does. */
static void refusals_here_and_there_are_nobodys(void **state)
{
	(void)state;
	struct scope_watch w;
	scope_watch_init(&w, NOW);
	for (int i = 0; i < 1000; i++) {
		struct scope_event e = {.source = 1,
					.domain = 1,
					.campaign = 1 + i % 20,
					.recipient = (uint64_t)i + 1,
					.is_throttled = i % 331 == 7};
		scope_watch_note(&w, &e, NOW + i);
	}
	assert_int_equal(scope_watch_tell(&w), 0);
}

static void those_it_is_about_are_blamed(void **state)
{
	(void)state;
	struct scope_watch w;
	scope_watch_init(&w, NOW);
	(void)play(&w, first_campaign, 1000, NOW);
	struct scope_event guilty = {.source = 2, .domain = 1, .campaign = 1};
	struct scope_event other = {.source = 2, .domain = 1, .campaign = 2};
	assert_true(scope_watch_blames(&w, SCOPE_CAMPAIGN, &guilty));
	assert_false(scope_watch_blames(&w, SCOPE_CAMPAIGN, &other));
}

/* n answers, of which so many in a hundred are throttled, to one source and campaign. */
static int64_t answers(struct scope_watch *w, int n, int percent, int64_t now)
{
	static uint64_t person;
	for (int i = 0; i < n; i++, now += 20) {
		struct scope_event e = {.source = 1,
					.domain = 1,
					.campaign = 1,
					.recipient = ++person,
					.is_throttled = i % 100 * percent % 100 < percent};
		scope_watch_note(w, &e, now);
	}
	return now;
}

/* With nobody to compare: cutting the rate changes nothing, so it is not about the rate, until
 * more are refused when more is sent. */
static void what_no_cut_helps_against_is_about_people(void **state)
{
	(void)state;
	struct scope_watch w;
	scope_watch_init(&w, NOW);
	int64_t now = answers(&w, 200, 2, NOW);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(scope_watch_tell(&w), 0);
		scope_watch_note_cut(&w, true, now);
	}
	assert_int_equal(scope_watch_tell(&w), SCOPE_RECIPIENT);
	now = answers(&w, 2000, 3, now);
	assert_int_equal(scope_watch_tell(&w), SCOPE_RECIPIENT);
	/* Those who were refused come again, one after the other. */
	for (int i = 0; i < 100; i++, now++) {
		struct scope_event again = {.source = 1,
					    .domain = 1,
					    .campaign = 1,
					    .recipient = 1 + (uint64_t)i,
					    .is_throttled = true,
					    .is_again = true};
		scope_watch_note(&w, &again, now);
	}
	assert_int_equal(scope_watch_tell(&w), SCOPE_RECIPIENT);
	now = answers(&w, 100, 50, now);
	assert_int_equal(scope_watch_tell(&w), 0);
	/* Once wrong, it is not believed again so soon. */
	for (int i = 0; i < 8; i++)
		scope_watch_note_cut(&w, true, now);
	assert_int_equal(scope_watch_tell(&w), 0);
	now += 31 * 60000;
	now = answers(&w, 200, 2, now);
	for (int i = 0; i < 8; i++)
		scope_watch_note_cut(&w, true, now);
	assert_int_equal(scope_watch_tell(&w), SCOPE_RECIPIENT);
}

static void cuts_that_help_now_and_then_are_about_the_rate(void **state)
{
	(void)state;
	struct scope_watch w;
	scope_watch_init(&w, NOW);
	int64_t now = answers(&w, 200, 2, NOW);
	for (int i = 0; i < 20; i++, now += 20000)
		scope_watch_note_cut(&w, i % 2 == 0, now);
	assert_int_equal(scope_watch_tell(&w), 0);
}

/* The campaigns that a source carries are not the others': it is the source all the same if what is
 * clean elsewhere is throttled there. */
static void campaigns_that_lean_to_a_source_do_not_confuse(void **state)
{
	(void)state;
	struct scope_watch w;
	uint64_t prng = 5;
	scope_watch_init(&w, NOW);
	for (int i = 0; i < 2000; i++) {
		uint64_t random = prng_next(&prng);
		bool leans = random % 10 != 0;
		uint32_t source = 1 + (uint32_t)(random / 16 % 2);
		struct scope_event e = {.source = source,
					.domain = 1,
					.campaign = (int32_t)(leans ? source : 3 - source),
					.recipient = random | 1,
					.is_throttled = source == 1 && random / 64 % 3 == 0};
		scope_watch_note(&w, &e, NOW + i);
	}
	assert_int_equal(scope_watch_tell(&w), SCOPE_SOURCE);
}

static void what_was_long_ago_is_forgotten(void **state)
{
	(void)state;
	struct scope_watch w;
	scope_watch_init(&w, NOW);
	int64_t now = play(&w, first_source, 1000, NOW);
	assert_int_equal(scope_watch_tell(&w), SCOPE_SOURCE);
	now = play(&w, nobody, 10, now + 3600000);
	assert_int_equal(scope_watch_tell(&w), 0);
	(void)play(&w, first_campaign, 1000, now);
	assert_int_equal(scope_watch_tell(&w), SCOPE_CAMPAIGN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_told_by_who_goes_on),
		cmocka_unit_test(with_nobody_to_compare_it_is_not_told),
		cmocka_unit_test(few_are_enough_of_who_sends_little),
		cmocka_unit_test(refusals_here_and_there_are_nobodys),
		cmocka_unit_test(those_it_is_about_are_blamed),
		cmocka_unit_test(what_no_cut_helps_against_is_about_people),
		cmocka_unit_test(cuts_that_help_now_and_then_are_about_the_rate),
		cmocka_unit_test(campaigns_that_lean_to_a_source_do_not_confuse),
		cmocka_unit_test(what_was_long_ago_is_forgotten),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
