/* SPDX-License-Identifier: MIT */
/* Which host next, and what is remembered of it through a change of addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "scheduler/node/site.h"

struct host_case {
	const char *name;
	uint16_t preference;
};

/* An answer as the resolver makes it: one reference, one block. */
static struct mx_answer *answer_of(const struct host_case *cases, size_t count)
{
	struct block {
		struct mx_answer answer;
		struct mx_host hosts[4];
		struct ip ips[4];
	} *block = xcalloc(1, sizeof(*block));
	for (size_t i = 0; i < count; i++) {
		char text[32];
		snprintf(text, sizeof(text), "127.0.0.%zu", i + 1);
		assert_int_equal(ip_parse(str_from(text), &block->ips[i]), 0);
		block->hosts[i] = (struct mx_host){.name = str_from(cases[i].name),
						   .preference = cases[i].preference,
						   .address_count = 1,
						   .addresses = &block->ips[i]};
	}
	block->answer = (struct mx_answer){
		.result = MX_OK, .host_count = count, .hosts = block->hosts, .refs = 1};
	return &block->answer;
}

static struct site *site_with(struct mx_answer *answer)
{
	static const struct site_access access = {.port = 25, .tls = TLS_OPPORTUNISTIC};
	struct site *s = site_new(STR("a,b"), STR("a"), STR(""), &access);
	site_refresh(s, answer);
	mx_answer_drop(answer);
	return s;
}

static void hosts_go_by_preference_and_those_down_are_left_out(void **state)
{
	(void)state;
	static const struct host_case hosts[] = {{"a", 10}, {"b", 20}};
	struct site *s = site_with(answer_of(hosts, 2));
	struct site_pick pick;
	int64_t until = 0;
	assert_int_equal(site_pick_host(s, 1000, &pick, &until), 0);
	assert_true(str_equals(pick.name, STR("a")));
	site_host_failed(site_host_named(s, STR("a")), 1000);
	assert_int_equal(site_pick_host(s, 1000, &pick, &until), 0);
	assert_true(str_equals(pick.name, STR("b")));
	site_host_failed(site_host_named(s, STR("b")), 1500);
	assert_true(site_is_down(s, 1500));
	assert_int_equal(site_pick_host(s, 1500, &pick, &until), -1);
	assert_int_equal(until, 2000);
	assert_int_equal(site_pick_host(s, 2000, &pick, &until), 0);
	assert_true(str_equals(pick.name, STR("a")));
	site_drop(s);
}

static void failures_double_the_wait_and_a_greeting_ends_it(void **state)
{
	(void)state;
	static const struct host_case hosts[] = {{"a", 10}};
	struct site *s = site_with(answer_of(hosts, 1));
	struct site_host *a = site_host_named(s, STR("a"));
	site_host_failed(a, 0);
	assert_int_equal(a->down_until_ms, 1000);
	site_host_failed(a, 500); /* begun before the first failure was known */
	assert_int_equal(a->down_until_ms, 1000);
	site_host_failed(a, 1000);
	assert_int_equal(a->down_until_ms, 3000);
	site_host_greeted(a);
	assert_false(site_is_down(s, 1001));
	site_host_failed(a, 5000);
	assert_int_equal(a->down_until_ms, 6000);
	site_drop(s);
}

static void marks_follow_the_name_through_a_refresh(void **state)
{
	(void)state;
	static const struct host_case before[] = {{"a", 10}, {"b", 20}};
	static const struct host_case after[] = {{"c", 10}, {"a", 20}};
	struct site *s = site_with(answer_of(before, 2));
	site_host_named(s, STR("a"))->plain_until_ms = 9000;
	struct mx_answer *fresh = answer_of(after, 2);
	site_refresh(s, fresh);
	mx_answer_drop(fresh);
	assert_null(site_host_named(s, STR("b")));
	assert_int_equal(site_host_named(s, STR("a"))->plain_until_ms, 9000);
	assert_int_equal(site_host_named(s, STR("c"))->plain_until_ms, 0);
	site_host_failed(NULL, 0); /* a connection to a host that has left */
	site_drop(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_go_by_preference_and_those_down_are_left_out),
		cmocka_unit_test(failures_double_the_wait_and_a_greeting_ends_it),
		cmocka_unit_test(marks_follow_the_name_through_a_refresh),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
