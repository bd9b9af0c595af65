/* SPDX-License-Identifier: MIT */
/* Refused flushes: what is waited for, what is halved, who is set aside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "engine/pg/statement.h"
#include "scheduler/ledger/flush.h"
#include "scheduler/ledger/refusal.h"

static struct err refused(const char *sqlstate)
{
	return (struct err){.kind = ERR_DATABASE, .code = pg_sqlstate_pack(sqlstate)};
}

static void by_sqlstate(void **state)
{
	static const struct {
		const char *sqlstate;
		bool want;
	} rows[] = {
		{"22021", true}, /* not UTF-8 */
		{"22003", true}, /* out of range */
		{"23514", true}, /* a check, or no partition for the row */
		{"23505", true},  {"21000", true},  {"54000", true},  {"P0001", true},
		{"XX001", true},  {"53100", false},		      /* disk full */
		{"53200", false}, {"57014", false},		      /* cancelled */
		{"57P01", false}, {"40P01", false},		      /* deadlock */
		{"40001", false}, {"55P03", false}, {"25006", false}, /* read only */
		{"42P01", false}, {"42501", false}, {"08006", false}, {"58030", false},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct err err = refused(rows[i].sqlstate);
		if (refusal_is_of_data(&err) != rows[i].want)
			fail_msg("%s", rows[i].sqlstate);
	}
	struct err other = {.kind = ERR_SYSTEM, .code = 22};
	assert_false(refusal_is_of_data(&other));
}

static void what_passes_is_waited_for_ever_longer(void **state)
{
	struct refusals r;
	struct err full = refused("53100");
	int64_t last = 0;
	(void)state;
	refusals_init(&r);
	for (int i = 0; i < 20; i++) {
		struct refusal_answer a = refusals_take(&r, &full, 10, 100, false);
		assert_int_equal(a.step, REFUSAL_AGAIN);
		assert_true(a.wait_ms >= last && a.wait_ms > 0 && a.wait_ms <= 10000);
		last = a.wait_ms;
	}
	assert_int_equal(last, 10000);
	assert_true(refusals_are_over(&r));
	refusals_passed(&r);
	assert_true(refusals_take(&r, &full, 10, 100, false).wait_ms < 1000);
}

enum { CHUNKS = 200, PEOPLE = 50, BAD = 777 };

/* The flush that begins with this person, as large as it may be. */
static size_t fill(const struct refusals *r, size_t first, size_t *targets_out)
{
	size_t targets = 1, i = first + 1;
	while (i < (size_t)CHUNKS * PEOPLE && i - first < r->people_max) {
		bool is_next = i % PEOPLE == 0;
		if (is_next && targets == r->targets_max)
			break;
		targets += is_next;
		i++;
	}
	*targets_out = targets;
	return i - first;
}

/* Chunks of people, one of whom cannot be written: he is found in few flushes. */
static void one_bad_person_is_found_and_the_others_go(void **state)
{
	struct refusals r;
	struct err bad = refused("23514");
	size_t flushes = 0, aside = 0, targets;
	(void)state;
	refusals_init(&r);
	for (size_t next = 0; next < (size_t)CHUNKS * PEOPLE;) {
		size_t people = fill(&r, next, &targets);
		assert_true(++flushes < 100);
		if (next > BAD || next + people <= BAD) {
			refusals_passed(&r);
			next += people;
		} else if (refusals_take(&r, &bad, targets, people, false).step ==
			   REFUSAL_SET_ASIDE) {
			assert_int_equal(people, 1);
			assert_int_equal(next, BAD);
			aside++;
			next++;
		}
	}
	assert_int_equal(aside, 1);
}

/* Nothing is accepted any more: it is not about them, and the database is not stormed. */
static void when_all_are_refused_it_waits(void **state)
{
	struct refusals r;
	struct err bad = refused("23514");
	size_t aside = 0;
	(void)state;
	refusals_init(&r);
	struct refusal_answer a;
	while ((a = refusals_take(&r, &bad, 1, 1, false)).step == REFUSAL_SET_ASIDE)
		aside++;
	assert_int_equal(aside, REFUSAL_ASIDE_MAX);
	assert_int_equal(a.step, REFUSAL_LATER);
	assert_true(a.wait_ms > 0);
	refusals_passed(&r);
	assert_int_equal(refusals_take(&r, &bad, 1, 1, false).step, REFUSAL_SET_ASIDE);
	/* Credits alone: there is nobody to set aside. */
	assert_int_equal(refusals_take(&r, &bad, 1, 0, false).step, REFUSAL_LATER);
}

/* Counts of messages went along: they stay away first, whoever is in the flush. */
static void usage_is_left_out_before_anybody_is_set_aside(void **state)
{
	static const size_t rows[] = {0, 1};
	struct err bad = refused("22003");
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct refusals r;
		refusals_init(&r);
		assert_int_equal(refusals_take(&r, &bad, 1, rows[i], true).step, REFUSAL_SMALLER);
		assert_false(refusals_are_over(&r));
		assert_true(r.people_max > 0);
	}
}

/* Nobody and no chunk is in it: it is tried again as it is, ever more slowly, and what comes
 * meanwhile goes in flushes of full size, usage with it. */
static void usage_alone_is_tried_again_later(void **state)
{
	struct refusals r;
	struct err bad = refused("22003");
	int64_t last = 0;
	(void)state;
	refusals_init(&r);
	for (int i = 0; i < 10; i++) {
		struct refusal_answer a = refusals_take(&r, &bad, 0, 0, true);
		assert_int_equal(a.step, REFUSAL_LATER);
		assert_true(a.wait_ms >= last && a.wait_ms > 0);
		assert_true(refusals_are_over(&r));
		last = a.wait_ms;
	}
}

static void full_size_comes_back(void **state)
{
	struct refusals r;
	struct err bad = refused("22003");
	(void)state;
	refusals_init(&r);
	refusals_take(&r, &bad, 2, 2, false);
	refusals_take(&r, &bad, 1, 2, false);
	assert_false(refusals_are_over(&r));
	assert_int_equal(r.targets_max, 1);
	assert_int_equal(r.people_max, 1);
	for (int i = 0; i < 14; i++)
		refusals_passed(&r);
	assert_true(refusals_are_over(&r));
	assert_int_equal(r.targets_max, FLUSH_TARGETS_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_sqlstate),
		cmocka_unit_test(what_passes_is_waited_for_ever_longer),
		cmocka_unit_test(one_bad_person_is_found_and_the_others_go),
		cmocka_unit_test(when_all_are_refused_it_waits),
		cmocka_unit_test(usage_is_left_out_before_anybody_is_set_aside),
		cmocka_unit_test(usage_alone_is_tried_again_later),
		cmocka_unit_test(full_size_comes_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
