/* SPDX-License-Identifier: MIT */
/* Addresses: text forms, ranges, and which ones are not globally routable. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "engine/base/ip.h"

static void endpoints_parse_and_print(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		const char *want; /* NULL: refused */
	} cases[] = {
		{"127.0.0.1", "127.0.0.1:53"},
		{"127.0.0.1:5353", "127.0.0.1:5353"},
		{"::1", "[::1]:53"},
		{"[2001:db8::1]:5353", "[2001:db8::1]:5353"},
		{"[2001:db8::1]", "[2001:db8::1]:53"},
		{"127.0.0.1:", NULL},
		{"127.0.0.1:0", NULL},
		{"127.0.0.1:65536", NULL},
		{"[::1", NULL},
		{"[::1]53", NULL},
		{"127.0.0.256", NULL},
		{"mx.example", NULL},
		{"", NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ip_port at = {0};
		char text[IP_TEXT_SIZE];
		int rc = ip_port_parse(str_from(cases[i].text), 53, &at);
		assert_int_equal(rc, cases[i].want == NULL ? -1 : 0);
		if (rc == 0)
			assert_string_equal(ip_port_format(&at, text, sizeof(text)), cases[i].want);
	}
}

static void ranges_hold_their_addresses(void **state)
{
	(void)state;
	static const struct {
		const char *range, *ip;
		bool want;
	} cases[] = {
		{"10.0.0.0/8", "10.255.0.1", true},	{"10.0.0.0/8", "11.0.0.1", false},
		{"172.16.0.0/12", "172.31.0.1", true},	{"172.16.0.0/12", "172.32.0.1", false},
		{"127.0.0.1", "127.0.0.1", true},	{"127.0.0.1", "127.0.0.2", false},
		{"0.0.0.0/0", "1.2.3.4", true},		{"0.0.0.0/0", "::1", false},
		{"fe80::/10", "febf::1", true},		{"fe80::/10", "fec0::1", false},
		{"2001:db8::/128", "2001:db8::", true},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ip_range range;
		struct ip ip;
		assert_int_equal(ip_range_parse(str_from(cases[i].range), &range), 0);
		assert_int_equal(ip_parse(str_from(cases[i].ip), &ip), 0);
		assert_int_equal(ip_in_range(&ip, &range), cases[i].want);
	}
	struct ip_range range;
	assert_int_equal(ip_range_parse(STR("10.0.0.0/33"), &range), -1);
	assert_int_equal(ip_range_parse(STR("10.0.0.0/"), &range), -1);
}

static void special_addresses_are_known(void **state)
{
	(void)state;
	static const struct {
		const char *ip;
		bool want;
	} cases[] = {
		{"0.0.0.0", true},
		{"10.1.2.3", true},
		{"100.64.0.1", true},
		{"100.128.0.1", false},
		{"127.9.9.9", true},
		{"169.254.1.1", true},
		{"172.31.255.1", true},
		{"172.32.0.1", false},
		{"192.168.0.1", true},
		{"224.0.0.5", true},
		{"255.255.255.255", true},
		{"8.8.8.8", false},
		{"::", true},
		{"::1", true},
		{"fe80::1", true},
		{"fd00::1", true},
		{"::ffff:127.0.0.1", true},
		{"::ffff:8.8.8.8", false},
		{"2606:4700::1", false},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ip ip;
		assert_int_equal(ip_parse(str_from(cases[i].ip), &ip), 0);
		assert_int_equal(ip_is_special(&ip), cases[i].want);
	}
}

static void sockaddr_round_trip(void **state)
{
	(void)state;
	static const char *const texts[] = {"192.0.2.7:25", "[2001:db8::9]:2525"};
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct ip_port at;
		struct sockaddr_storage sa;
		assert_int_equal(ip_port_parse(str_from(texts[i]), 0, &at), 0);
		assert_true(ip_to_sockaddr(&at.ip, at.port, &sa) > 0);
		struct ip_port back = ip_from_sockaddr((struct sockaddr *)&sa);
		assert_true(ip_equals(&at.ip, &back.ip));
		assert_int_equal(at.port, back.port);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(endpoints_parse_and_print),
		cmocka_unit_test(ranges_hold_their_addresses),
		cmocka_unit_test(special_addresses_are_known),
		cmocka_unit_test(sockaddr_round_trip),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
