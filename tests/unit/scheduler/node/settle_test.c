/* SPDX-License-Identifier: MIT */
/* What becomes of a recipient after an attempt: every class, the bound version, greylisting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "scheduler/node/settle.h"

#define NOW_US INT64_C(1800000000000000)
#define SECOND_US INT64_C(1000000)

static const struct settle_policy policy = {
	.schedule = {.delays_s = {300, 900}, .count = 2},
	.unknown_retry_after_ms = 900000,
	.node = 7,
};

struct fixture {
	struct node_person person;
	struct campaign_snapshot campaign;
	struct outcome outcome;
	struct settle_facts facts;
	struct settle_strings strings;
	struct settlement got;
};

static void prepare(struct fixture *f, enum outcome_class klass)
{
	*f = (struct fixture){
		.person = {.rid = 42,
			   .domain_id = 5,
			   .address = STR("a@b.test"),
			   .attempts = 1,
			   .age_s = 100},
		.campaign = {.version = 3, .unknown = UNKNOWN_HOLD, .give_up_after_ms = 172800000},
		.outcome = {.words = OUTCOME_WORDS_REMOTE,
			    .stage = STAGE_DOT,
			    .code = 450,
			    .text = STR("try later"),
			    .verdict = {.klass = klass, .cause = CAUSE_NONE, .rule = "r"}},
	};
	f->facts = (struct settle_facts){
		.person = &f->person,
		.campaign = &f->campaign,
		.position = 9,
		.outcome = &f->outcome,
		.was_tried = true,
		.had_intent = true,
		.source = 2,
		.provider = STR("qq"),
		.mx = STR("mx1.qq.com"),
		.tls = STR("TLSv1.3"),
		.at_us = NOW_US,
		.random = UINT64_MAX / 2,
	};
	settle_strings_init(&f->strings);
}

static void decide(struct fixture *f)
{
	settle_decide(&policy, &f->facts, &f->strings, &f->got);
}

static void the_rule_is_kept_when_the_rules_are_replaced(void **state)
{
	(void)state;
	struct fixture f;
	char rule[] = "any.ok";
	prepare(&f, OUTCOME_DELIVERED);
	f.outcome.verdict.rule = rule;
	decide(&f);
	memset(rule, '!', sizeof(rule) - 1);
	assert_true(str_equals(f.got.rule, STR("any.ok")));
	settle_strings_done(&f.strings);
}

static void replies_that_name_the_recipient_are_one_template(void **state)
{
	(void)state;
	struct fixture f;
	prepare(&f, OUTCOME_BOUNCED);
	f.person.address = STR("left2832@b.test");
	f.outcome.text = STR("Mr left2832 quit");
	decide(&f);
	assert_true(str_equals(f.got.template_text, STR("Mr {name} quit")));
	assert_true(str_equals(f.got.vars, STR("left2832\n")));
	settle_strings_done(&f.strings);
}

static void every_class_has_its_state(void **state)
{
	(void)state;
	static const struct {
		enum outcome_class klass;
		enum recipient_state want;
	} cases[] = {
		{OUTCOME_DELIVERED, RECIPIENT_DELIVERED},
		{OUTCOME_BOUNCED, RECIPIENT_BOUNCED},
		{OUTCOME_REJECTED, RECIPIENT_REJECTED},
		{OUTCOME_DEFERRED, RECIPIENT_DEFERRED},
		{OUTCOME_THROTTLED, RECIPIENT_DEFERRED},
		{OUTCOME_BLOCKED, RECIPIENT_DEFERRED},
		{OUTCOME_HELD, RECIPIENT_DEFERRED},
		{OUTCOME_UNREACHED, RECIPIENT_DEFERRED},
		{OUTCOME_UNKNOWN, RECIPIENT_UNKNOWN},
		{OUTCOME_SUPPRESSED, RECIPIENT_SUPPRESSED},
		{OUTCOME_EXPIRED, RECIPIENT_EXPIRED},
		{OUTCOME_CANCELLED, RECIPIENT_CANCELLED},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture f;
		prepare(&f, cases[i].klass);
		decide(&f);
		assert_int_equal(f.got.state, cases[i].want);
		assert_int_equal(f.got.position, 9);
		assert_int_equal(f.got.attempt, 2);
		assert_int_equal(f.got.version, 3);
		assert_int_equal(f.got.tls, 13);
		settle_strings_done(&f.strings);
	}
}

static void only_a_bounce_about_the_address_suppresses(void **state)
{
	(void)state;
	static const enum outcome_class others[] = {OUTCOME_REJECTED, OUTCOME_BLOCKED,
						    OUTCOME_THROTTLED, OUTCOME_DEFERRED};
	struct fixture f;
	prepare(&f, OUTCOME_BOUNCED);
	decide(&f);
	assert_false(f.got.suppress);
	f.outcome.verdict.actions = ACTION_SUPPRESS;
	decide(&f);
	assert_true(f.got.suppress);
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		f.outcome.verdict.klass = others[i];
		decide(&f);
		assert_false(f.got.suppress);
	}
	settle_strings_done(&f.strings);
}

static void a_throttle_costs_neither_attempt_nor_age(void **state)
{
	(void)state;
	struct fixture f;
	prepare(&f, OUTCOME_THROTTLED);
	f.facts.asked_us = NOW_US + 3600 * SECOND_US;
	decide(&f);
	assert_int_equal(f.got.retry.attempts, 1);
	assert_int_equal(f.got.retry.age_s, 100);
	assert_true(f.got.retry.due_at_us >= NOW_US + 3000 * SECOND_US);
	/* A deferral costs both. */
	f.outcome.verdict.klass = OUTCOME_DEFERRED;
	decide(&f);
	assert_int_equal(f.got.retry.attempts, 2);
	assert_true(f.got.retry.age_s > 3000);
	settle_strings_done(&f.strings);
}

/* An hour, then two, four, eight at most; what else happens to them meanwhile forgets nothing. */
static void who_is_limited_himself_waits_longer_each_time(void **state)
{
	(void)state;
	static const int64_t want_h[] = {1, 2, 4, 8, 8, 8, 8, 8, 8};
	struct fixture f;
	prepare(&f, OUTCOME_THROTTLED);
	f.person.flags = RETRY_AFTER_UNKNOWN;
	f.outcome.verdict.scope = SCOPE_RECIPIENT;
	f.facts.asked_us = NOW_US + 3600 * SECOND_US;
	f.facts.random = 0; /* nothing more */
	for (size_t i = 0; i < sizeof(want_h) / sizeof(want_h[0]); i++) {
		decide(&f);
		assert_true(f.got.retry.due_at_us == NOW_US + want_h[i] * 3600 * SECOND_US);
		assert_true((f.got.retry.flags & RETRY_AFTER_UNKNOWN) != 0);
		assert_int_equal(f.got.retry.attempts, 1);
		f.person.flags = f.got.retry.flags;
	}
	f.outcome.verdict.scope = SCOPE_SOURCE;
	decide(&f);
	assert_true(f.got.retry.due_at_us == NOW_US + 3600 * SECOND_US);
	assert_int_equal(f.got.retry.flags, f.person.flags);
	settle_strings_done(&f.strings);
}

/* However long his receiver refuses him: it is its side that costs the time. */
static void who_is_limited_for_ever_is_given_up(void **state)
{
	(void)state;
	struct fixture f;
	prepare(&f, OUTCOME_THROTTLED);
	f.outcome.verdict.scope = SCOPE_RECIPIENT;
	f.facts.asked_us = NOW_US + 3600 * SECOND_US;
	int tries = 0;
	for (decide(&f); f.got.state == RECIPIENT_DEFERRED && tries < 100; tries++) {
		f.person.flags = f.got.retry.flags;
		f.person.age_s = f.got.retry.age_s;
		decide(&f);
	}
	assert_int_equal(f.got.state, RECIPIENT_EXPIRED);
	assert_in_range(tries, 6, 12);
	settle_strings_done(&f.strings);
}

static void who_had_an_intent_keeps_the_version(void **state)
{
	(void)state;
	struct fixture f;
	prepare(&f, OUTCOME_DEFERRED);
	decide(&f);
	assert_int_equal(f.got.retry.version, 3);
	f.facts.had_intent = false;
	decide(&f);
	assert_int_equal(f.got.retry.version, 0);
	settle_strings_done(&f.strings);
}

static void greylisted_comes_back_from_the_same_source(void **state)
{
	(void)state;
	struct fixture f;
	prepare(&f, OUTCOME_DEFERRED);
	f.outcome.verdict.cause = CAUSE_GREYLISTED;
	decide(&f);
	assert_int_equal(f.got.retry.source_id, 2);
	assert_int_equal(f.got.retry.node, 7);
	assert_true(f.got.retry.prefer_until_us == NOW_US + 7200 * SECOND_US);
	settle_strings_done(&f.strings);
}

static void parked_comes_back_from_the_same_source(void **state)
{
	(void)state;
	struct node_person person = {.rid = 42,
				     .attempts = 2,
				     .flags = RETRY_AFTER_UNKNOWN,
				     .source = 2,
				     .prefer_until_us = NOW_US + SECOND_US};
	struct settlement s = settle_parked(&person, 9, 7, NOW_US + 300 * SECOND_US, NOW_US);
	assert_int_equal(s.klass, 0);
	assert_int_equal(s.retry.attempts, 2);
	assert_int_equal(s.retry.flags, RETRY_AFTER_UNKNOWN);
	assert_int_equal(s.retry.source_id, 2);
	assert_int_equal(s.retry.node, 7);
	assert_true(s.retry.prefer_until_us == person.prefer_until_us);
	person.source = 0;
	s = settle_parked(&person, 9, 7, NOW_US, NOW_US);
	assert_int_equal(s.retry.node, 0);
}

static void unknown_is_held_or_tried_once_more(void **state)
{
	(void)state;
	struct fixture f;
	prepare(&f, OUTCOME_UNKNOWN);
	f.campaign.unknown = UNKNOWN_RETRY;
	decide(&f);
	assert_int_equal(f.got.state, RECIPIENT_DEFERRED);
	assert_true(f.got.retry.due_at_us == NOW_US + 900 * SECOND_US);
	f.person.flags = RETRY_AFTER_UNKNOWN;
	decide(&f);
	assert_int_equal(f.got.state, RECIPIENT_UNKNOWN);
	settle_strings_done(&f.strings);
}

/* Whoever may have the message is unknown, unless the receiver itself says what is final. */
static void who_may_have_it_ends_as_unknown(void **state)
{
	static const struct {
		enum outcome_class klass;
		enum outcome_words words;
		enum recipient_state want;
	} cases[] = {
		{OUTCOME_DELIVERED, OUTCOME_WORDS_REMOTE, RECIPIENT_DELIVERED},
		{OUTCOME_BOUNCED, OUTCOME_WORDS_REMOTE, RECIPIENT_BOUNCED},
		{OUTCOME_REJECTED, OUTCOME_WORDS_REMOTE, RECIPIENT_REJECTED},
		{OUTCOME_BOUNCED, OUTCOME_WORDS_DNS, RECIPIENT_UNKNOWN},
		{OUTCOME_REJECTED, OUTCOME_WORDS_LOCAL, RECIPIENT_UNKNOWN},
		{OUTCOME_SUPPRESSED, OUTCOME_WORDS_LOCAL, RECIPIENT_UNKNOWN},
		{OUTCOME_EXPIRED, OUTCOME_WORDS_LOCAL, RECIPIENT_UNKNOWN},
		{OUTCOME_CANCELLED, OUTCOME_WORDS_LOCAL, RECIPIENT_UNKNOWN},
		{OUTCOME_DEFERRED, OUTCOME_WORDS_REMOTE, RECIPIENT_UNKNOWN}, /* given up */
		{OUTCOME_BLOCKED, OUTCOME_WORDS_REMOTE, RECIPIENT_UNKNOWN},
		{OUTCOME_UNREACHED, OUTCOME_WORDS_TCP, RECIPIENT_UNKNOWN},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture f;
		prepare(&f, cases[i].klass);
		f.outcome.words = cases[i].words;
		f.person.flags = RETRY_AFTER_UNKNOWN;
		f.person.attempts = 1;
		f.person.age_s = 172800;
		f.facts.was_tried = false;
		decide(&f);
		assert_int_equal(f.got.state, cases[i].want);
		assert_int_equal(f.got.klass, cases[i].klass);
		if (cases[i].want == RECIPIENT_UNKNOWN)
			assert_int_equal(f.got.attempt, 1);
		settle_strings_done(&f.strings);
	}
}

static void give_up_ends_it(void **state)
{
	(void)state;
	struct fixture f;
	prepare(&f, OUTCOME_DEFERRED);
	f.person.age_s = 172800;
	decide(&f);
	assert_int_equal(f.got.state, RECIPIENT_EXPIRED);
	f.outcome.verdict.klass = OUTCOME_BLOCKED;
	decide(&f);
	assert_int_equal(f.got.state, RECIPIENT_BLOCKED);
	settle_strings_done(&f.strings);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rule_is_kept_when_the_rules_are_replaced),
		cmocka_unit_test(replies_that_name_the_recipient_are_one_template),
		cmocka_unit_test(every_class_has_its_state),
		cmocka_unit_test(only_a_bounce_about_the_address_suppresses),
		cmocka_unit_test(a_throttle_costs_neither_attempt_nor_age),
		cmocka_unit_test(who_is_limited_himself_waits_longer_each_time),
		cmocka_unit_test(who_is_limited_for_ever_is_given_up),
		cmocka_unit_test(who_had_an_intent_keeps_the_version),
		cmocka_unit_test(greylisted_comes_back_from_the_same_source),
		cmocka_unit_test(parked_comes_back_from_the_same_source),
		cmocka_unit_test(unknown_is_held_or_tried_once_more),
		cmocka_unit_test(who_may_have_it_ends_as_unknown),
		cmocka_unit_test(give_up_ends_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
