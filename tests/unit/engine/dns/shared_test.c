/* SPDX-License-Identifier: MIT */
/* Shared answers: what is equal is kept once, what differs is not, and all goes in the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "engine/dns/shared.h"

/* The answer for a domain whose one host is a.com. */
static struct mx_answer *answer_of(const char *address, uint16_t preference)
{
	struct mx_policy policy = {.uses_ipv4 = true};
	struct dns_record mx = {.preference = preference, .name = STR("a.com")};
	struct dns_record a = {0};
	struct dns_answer mx_set = {.status = DNS_OK, .ttl_s = 60, .records = &mx, .count = 1};
	struct dns_answer addresses = {.status = DNS_OK, .ttl_s = 60, .records = &a, .count = 1};
	struct arena arena;
	struct mx_draft d;
	arena_init(&arena, 0);
	mx_draft_start(&d, &arena, STR("d.com"), &mx_set, &policy);
	assert_int_equal(ip_parse(str_from(address), &a.ip), 0);
	mx_draft_address(&d, 0, &addresses);
	struct mx_answer *answer = mx_draft_finish(&d);
	arena_done(&arena);
	return answer;
}

static struct mx_answer *answer_without_hosts(enum dns_status status)
{
	struct mx_policy policy = {.uses_ipv4 = true};
	struct dns_answer mx_set = {.status = status, .ttl_s = 60};
	struct arena arena;
	struct mx_draft d;
	arena_init(&arena, 0);
	mx_draft_start(&d, &arena, STR("d.com"), &mx_set, &policy);
	struct mx_answer *answer = mx_draft_finish(&d);
	arena_done(&arena);
	return answer;
}

static void equal_answers_are_one(void **state)
{
	(void)state;
	struct shared_answers s;
	shared_init(&s);
	struct shared_answer *first = shared_take(&s, answer_of("8.8.8.8", 10));
	size_t bytes = s.bytes;
	assert_true(bytes > 0);
	assert_ptr_equal(shared_take(&s, answer_of("8.8.8.8", 10)), first);
	assert_int_equal(s.bytes, bytes);
	shared_give(&s, first);
	assert_int_equal(s.bytes, bytes);
	struct mx_answer *held = mx_answer_hold(first->answer);
	shared_give(&s, first);
	assert_int_equal(s.bytes, 0);
	assert_string_equal(held->site.ptr, "a.com");
	mx_answer_drop(held);
	shared_give(&s, NULL);
	shared_done(&s);
}

static void what_differs_is_kept_apart(void **state)
{
	(void)state;
	struct shared_answers s;
	struct mx_answer *fresh[] = {answer_of("8.8.8.8", 10), answer_of("8.8.8.9", 10),
				     answer_of("8.8.8.8", 20), answer_without_hosts(DNS_NXDOMAIN),
				     answer_without_hosts(DNS_TIMEOUT)};
	struct shared_answer *kept[ARRAY_LEN(fresh)];
	shared_init(&s);
	for (size_t i = 0; i < ARRAY_LEN(fresh); i++)
		kept[i] = shared_take(&s, fresh[i]);
	assert_int_equal(s.by_content.count, ARRAY_LEN(fresh));
	for (size_t i = 0; i < ARRAY_LEN(fresh); i++) {
		assert_ptr_equal(kept[i]->answer, fresh[i]);
		shared_give(&s, kept[i]);
	}
	shared_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_answers_are_one),
		cmocka_unit_test(what_differs_is_kept_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
