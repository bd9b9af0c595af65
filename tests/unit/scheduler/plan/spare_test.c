/* SPDX-License-Identifier: MIT */
/* When one more connection is worth its price. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scheduler/plan/spare.h"

static const char here, elsewhere;
#define HERE ((const struct site *)(const void *)&here) /* never looked into */
#define ELSEWHERE ((const struct site *)(const void *)&elsewhere)
#define T0 INT64_C(50000)

/* The first may carry what is ready; when it is not enough, others follow. */
static void the_first_comes_up_alone(void **state)
{
	struct spare s = {0};
	(void)state;
	assert_int_equal(spare_until(&s, HERE, INT64_MAX, T0), 0);
	spare_begun(&s, HERE, T0);
	assert_int_equal(spare_until(&s, HERE, INT64_MAX, T0), T0 + 100);
	assert_int_equal(spare_until(&s, HERE, INT64_MAX, T0 + 99), T0 + 100);
	assert_int_equal(spare_until(&s, HERE, INT64_MAX, T0 + 100), 0);
}

static void one_that_idled_holds_off_others(void **state)
{
	struct spare s = {0};
	(void)state;
	spare_found(&s, HERE, T0);
	spare_found(&s, HERE, T0 + 50);
	assert_int_equal(spare_until(&s, HERE, INT64_MAX, T0 + 120), T0 + 150);
	/* It is busy since. */
	assert_int_equal(spare_until(&s, HERE, INT64_MAX, T0 + 150), 0);
}

static void another_site_has_its_own_connection(void **state)
{
	struct spare s = {0};
	(void)state;
	spare_found(&s, HERE, T0);
	assert_int_equal(spare_until(&s, ELSEWHERE, INT64_MAX, T0), 0);
}

/* Of connections that end after a few messages many are needed at a time. */
static void short_connections_are_no_help(void **state)
{
	struct spare s = {0};
	(void)state;
	spare_found(&s, HERE, T0);
	assert_int_equal(spare_until(&s, HERE, 1, T0), 0);
	assert_int_equal(spare_until(&s, HERE, 7, T0), 0);
	assert_int_equal(spare_until(&s, HERE, 8, T0), T0 + 100);
}

/* … also when it is the receiver that ends them. */
static void what_follows_one_that_just_ended_is_not_relied_on(void **state)
{
	struct spare s = {0};
	(void)state;
	spare_begun(&s, HERE, T0);
	spare_ended(&s, T0 + 10);
	assert_int_equal(spare_until(&s, HERE, INT64_MAX, T0 + 10), 0);
	spare_begun(&s, HERE, T0 + 11);
	assert_int_equal(spare_until(&s, HERE, INT64_MAX, T0 + 11), 0);
	spare_ended(&s, T0 + 20);
	spare_begun(&s, HERE, T0 + 1021);
	assert_int_equal(spare_until(&s, HERE, INT64_MAX, T0 + 1021), T0 + 1121);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_comes_up_alone),
		cmocka_unit_test(one_that_idled_holds_off_others),
		cmocka_unit_test(another_site_has_its_own_connection),
		cmocka_unit_test(short_connections_are_no_help),
		cmocka_unit_test(what_follows_one_that_just_ended_is_not_relied_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
