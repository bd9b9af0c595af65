/* SPDX-License-Identifier: MIT */
/* What reading rules costs: patterns are compiled by the first text that needs them, once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <pthread.h>

#include "engine/reply/rules_private.h"
#include "tests/unit/engine/reply/rules_support.h"

#define THREADS 4

struct tally {
	size_t compiled, waiting;
};

static void count_code(const struct lazy_code *lazy, struct tally *t)
{
	if (lazy == NULL)
		return;
	if (atomic_load(&lazy->code) != NULL)
		t->compiled++;
	else
		t->waiting++;
}

static void count_says(const struct says *says, struct tally *t)
{
	for (size_t i = 0; i < says->count; i++)
		for (size_t k = 0; k < says->items[i].count; k++)
			count_code(says->items[i].parts[k].own, t);
}

static struct tally tally_of(const struct rule_set *set)
{
	struct tally t = {0};
	for (size_t i = 0; i < set->words.count; i++)
		count_code(set->words.words[i].code, &t);
	for (size_t i = 0; i < set->count; i++) {
		const struct rule_pattern *pattern = set->rules[i]->pattern;
		count_code(pattern->text, &t);
		count_says(&pattern->says, &t);
		count_says(&pattern->unless, &t);
	}
	return t;
}

static struct rule_set *load(const char *overrides)
{
	struct err err;
	struct rule_set *set = rule_set_load(str_from(overrides), &err);
	if (set == NULL)
		fail_msg("%s", err.text);
	return set;
}

static void reading_compiles_nothing_that_is_shipped(void **state)
{
	(void)state;
	struct rule_set *set = load("");
	struct tally t = tally_of(set);
	assert_int_equal(t.compiled, 0);
	assert_true(t.waiting > 200);
	rule_set_free(set);
}

static void a_rule_of_ones_own_is_checked_without_the_others(void **state)
{
	(void)state;
	struct err err;
	struct rule_set *set =
		load("{\"rules\": [{\"id\": \"own.a\", \"text\": \"corp is full\", \"says\": "
		     "\"corp\", \"class\": \"deferred\", \"cause\": \"policy\", \"scope\": "
		     "\"message\", \"en\": \"e\", \"zh\": \"z\", \"samples\": [\"450 corp is "
		     "full\"]}], \"without\": [\"any.user-unknown\"]}");
	assert_int_equal(tally_of(set).compiled, 2);
	/* It is what a look at everything would have found, too. */
	assert_int_equal(rule_set_lint(set, &err), 0);
	rule_set_free(set);
}

static void a_text_compiles_what_it_is_held_against(void **state)
{
	(void)state;
	struct rule_set *set = load("");
	struct verdict v = judge_reply(set, "", STAGE_RCPT, "550 5.1.1 no such user");
	assert_string_equal(v.rule, "any.user-unknown");
	struct tally first = tally_of(set);
	assert_true(first.compiled > 0 && first.waiting > 0);
	judge_reply(set, "", STAGE_RCPT, "550 5.1.1 no such user");
	assert_int_equal(tally_of(set).compiled, first.compiled);
	rule_set_warm(set);
	assert_int_equal(tally_of(set).waiting, 0);
	rule_set_free(set);
}

static void *judge_much(void *set)
{
	static const char *const replies[] = {"550 5.1.1 no such user", "452 4.2.2 mailbox full",
					      "421 too many connections from your ip"};
	for (size_t i = 0; i < ARRAY_LEN(replies); i++)
		judge_reply(set, "qq", STAGE_RCPT, replies[i]);
	return NULL;
}

static void threads_may_be_first_at_once(void **state)
{
	(void)state;
	struct rule_set *set = load("");
	pthread_t threads[THREADS];
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, judge_much, set), 0);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	struct tally t = tally_of(set);
	judge_much(set);
	assert_int_equal(tally_of(set).compiled, t.compiled);
	assert_true(t.compiled > 0);
	rule_set_free(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reading_compiles_nothing_that_is_shipped),
		cmocka_unit_test(a_rule_of_ones_own_is_checked_without_the_others),
		cmocka_unit_test(a_text_compiles_what_it_is_held_against),
		cmocka_unit_test(threads_may_be_first_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
