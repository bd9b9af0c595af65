/* SPDX-License-Identifier: MIT */
#include "scheduler/report/words.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void check(const char *en, const char *zh)
{
	assert_string_not_equal(en, "?");
	assert_string_not_equal(zh, "?");
	assert_string_not_equal(en, zh);
}

static void test_every_cause_has_its_words(void **state)
{
	(void)state;
	static const enum outcome_cause causes[] = {
#define X(suffix, number, name) CAUSE_##suffix,
		OUTCOME_CAUSES(X)
#undef X
	};
	for (size_t i = 0; i < ARRAY_LEN(causes); i++) {
		check(words_cause(causes[i], LANGUAGE_EN), words_cause(causes[i], LANGUAGE_ZH));
		check(words_cause_meaning(causes[i], LANGUAGE_EN),
		      words_cause_meaning(causes[i], LANGUAGE_ZH));
		for (unsigned klass = 0; klass <= OUTCOME_CANCELLED; klass++)
			check(words_cause_advice(causes[i], klass, LANGUAGE_EN),
			      words_cause_advice(causes[i], klass, LANGUAGE_ZH));
	}
}

/* Who bounced is not tried again, whatever the cause; who is deferred is, and not suppressed. */
static void test_advice_goes_by_the_class(void **state)
{
	(void)state;
	static const enum outcome_class final[] = {OUTCOME_BOUNCED, OUTCOME_REJECTED};
	static const enum outcome_cause causes[] = {
#define X(suffix, number, name) CAUSE_##suffix,
		OUTCOME_CAUSES(X)
#undef X
	};
	for (size_t i = 0; i < ARRAY_LEN(causes); i++)
		for (size_t k = 0; k < ARRAY_LEN(final); k++) {
			const char *en = words_cause_advice(causes[i], final[k], LANGUAGE_EN);
			const char *zh = words_cause_advice(causes[i], final[k], LANGUAGE_ZH);
			assert_null(strstr(en, "Tried again"));
			assert_null(strstr(en, "is tried again"));
			assert_null(strstr(zh, "系统会"));
		}
	const char *full = words_cause_advice(CAUSE_MAILBOX_FULL, OUTCOME_DEFERRED, LANGUAGE_EN);
	assert_non_null(strstr(full, "Tried again"));
	const char *unknown = words_cause_advice(CAUSE_USER_UNKNOWN, OUTCOME_DEFERRED, LANGUAGE_EN);
	assert_null(strstr(unknown, "is suppressed"));
}

static void test_every_class_and_state_has_its_words(void **state)
{
	(void)state;
#define X(suffix, number, name)                                                                    \
	check(words_class(OUTCOME_##suffix, LANGUAGE_EN),                                          \
	      words_class(OUTCOME_##suffix, LANGUAGE_ZH));
	OUTCOME_CLASSES(X)
#undef X
#define X(suffix, number, name)                                                                    \
	check(words_state(RECIPIENT_##suffix, LANGUAGE_EN),                                        \
	      words_state(RECIPIENT_##suffix, LANGUAGE_ZH));
	RECIPIENT_STATES(X)
#undef X
#define X(suffix, number, name)                                                                    \
	check(words_campaign_state(CAMPAIGN_##suffix, LANGUAGE_EN),                                \
	      words_campaign_state(CAMPAIGN_##suffix, LANGUAGE_ZH));
	CAMPAIGN_STATES(X)
#undef X
}

static void test_what_there_is_not(void **state)
{
	(void)state;
	assert_string_equal(words_cause((enum outcome_cause)999, LANGUAGE_ZH), "?");
	assert_string_equal(words_state((enum recipient_state)0, LANGUAGE_EN), "?");
	assert_string_equal(words_class((enum outcome_class)99, LANGUAGE_EN), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_cause_has_its_words),
		cmocka_unit_test(test_advice_goes_by_the_class),
		cmocka_unit_test(test_every_class_and_state_has_its_words),
		cmocka_unit_test(test_what_there_is_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
