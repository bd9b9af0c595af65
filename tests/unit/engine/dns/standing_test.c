/* SPDX-License-Identifier: MIT */
/* Names of block lists and what they answer; what is said of an address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "engine/dns/standing.h"

static struct ip ip_of(const char *text)
{
	struct ip ip;
	assert_int_equal(ip_parse(str_from(text), &ip), 0);
	return ip;
}

static void lists_are_asked_by_the_reversed_address(void **state)
{
	(void)state;
	static const struct {
		const char *address, *want;
	} cases[] = {
		{"192.0.2.99", "99.2.0.192.bl.example"},
		{"2001:db8::1", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2."
				"bl.example"},
	};
	char name[DNS_NAME_MAX + 1], zone[250];
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ip ip = ip_of(cases[i].address);
		struct str got = standing_list_name(&ip, STR("bl.example"), name);
		assert_true(str_equals(got, str_from(cases[i].want)));
		assert_string_equal(name, cases[i].want);
	}
	for (size_t i = 0; i < sizeof(zone); i++)
		zone[i] = i % 10 == 9 ? '.' : 'z';
	struct ip ip = ip_of("192.0.2.199");
	assert_int_equal(standing_list_name(&ip, str_of(zone, 241), name).len, 253);
	assert_int_equal(standing_list_name(&ip, str_of(zone, 242), name).len, 0);
}

/* RFC 5782 2.1; and what lists say to resolvers they do not serve. */
static void some_answers_are_no_listing(void **state)
{
	(void)state;
	static const struct {
		const char *answer;
		bool want_listing, want_refusal;
	} cases[] = {
		{"127.0.0.2", true, false},	  {"127.0.0.10", true, false},
		{"127.255.255.254", false, true}, {"127.255.254.1", true, false},
		{"192.0.2.1", false, false},	  {"::1", false, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ip ip = ip_of(cases[i].answer);
		assert_int_equal(standing_is_listing(&ip), cases[i].want_listing);
		assert_int_equal(standing_is_refusal(&ip), cases[i].want_refusal);
	}
}

static void what_is_wrong_is_said_in_one_sentence(void **state)
{
	(void)state;
	const struct standing_ask ask = {.ehlo = STR("mx1.example"),
					 .lists = {STR("a.example"), STR("b.example")},
					 .list_count = 2};
	static const struct {
		struct standing found;
		const char *want;
	} cases[] = {
		{{.reverse = STANDING_SOUND, .is_refused = {true, true}}, ""},
		{{.reverse = STANDING_UNKNOWN}, ""},
		{{.reverse = STANDING_NAMELESS}, "it has no reverse name (PTR)"},
		{{.reverse = STANDING_ASTRAY, .name = STR_INIT("x.example")},
		 "its name x.example does not lead back to it"},
		{{.reverse = STANDING_OTHER,
		  .name = STR_INIT("x.example"),
		  .is_ehlo_astray = true,
		  .is_listed = {false, true}},
		 "it is called x.example in DNS, but says EHLO mx1.example; the EHLO name "
		 "mx1.example does not lead to it; it is on the block list b.example"},
		{{.reverse = STANDING_SOUND, .is_listed = {true, true}},
		 "it is on the block list a.example; it is on the block list b.example"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf out;
		buf_init(&out, 1024);
		standing_render(&ask, &cases[i].found, &out);
		assert_true(str_equals(buf_str(&out), str_from(cases[i].want)));
		buf_done(&out);
	}
}

/* An address with several names needs one that is sound; nothing is said while one may be. */
static void the_best_of_its_names_counts(void **state)
{
	(void)state;
	static const enum standing_reverse order[] = {STANDING_SOUND, STANDING_UNKNOWN,
						      STANDING_OTHER, STANDING_ASTRAY,
						      STANDING_NAMELESS};
	for (size_t i = 0; i < ARRAY_LEN(order); i++)
		for (size_t j = 0; j < ARRAY_LEN(order); j++)
			assert_int_equal(standing_better(order[i], order[j]), order[i < j ? i : j]);
}

/* What is said after each answer of DNS, one after the other. */
static void what_dns_does_not_say_changes_nothing(void **state)
{
	(void)state;
	const struct standing_ask ask = {
		.ehlo = STR("mx1.example"), .lists = {STR("a.example")}, .list_count = 1};
	static const struct {
		struct standing found;
		const char *want;
	} answers[] = {
		{{.reverse = STANDING_SOUND}, ""},
		{{.reverse = STANDING_SOUND, .is_listed = {true}},
		 "it is on the block list a.example"},
		{{.reverse = STANDING_SOUND, .is_refused = {true}},
		 "it is on the block list a.example"},
		{{.reverse = STANDING_UNKNOWN, .is_ehlo_unknown = true, .is_refused = {true}},
		 "it is on the block list a.example"},
		{{.reverse = STANDING_SOUND, .is_listed = {true}},
		 "it is on the block list a.example"},
		{{.reverse = STANDING_ASTRAY,
		  .name = STR_INIT("x.example"),
		  .is_ehlo_astray = true},
		 "its name x.example does not lead back to it; the EHLO name mx1.example does not "
		 "lead to it"},
		{{.reverse = STANDING_UNKNOWN, .is_ehlo_unknown = true},
		 "its name x.example does not lead back to it; the EHLO name mx1.example does not "
		 "lead to it"},
		{{.reverse = STANDING_SOUND, .name = STR_INIT("mx1.example")}, ""},
	};
	struct standing known = {.reverse = STANDING_UNKNOWN};
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		struct buf out;
		buf_init(&out, 1024);
		standing_merge(&ask, &answers[i].found, &known);
		standing_render(&ask, &known, &out);
		if (!str_equals(buf_str(&out), str_from(answers[i].want)))
			fail_msg("%zu: %.*s", i, STR_ARG(buf_str(&out)));
		buf_done(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_are_asked_by_the_reversed_address),
		cmocka_unit_test(some_answers_are_no_listing),
		cmocka_unit_test(the_best_of_its_names_counts),
		cmocka_unit_test(what_dns_does_not_say_changes_nothing),
		cmocka_unit_test(what_is_wrong_is_said_in_one_sentence),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
