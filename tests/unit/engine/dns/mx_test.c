/* SPDX-License-Identifier: MIT */
/* MX decisions: order, implicit and null MX, failures, forbidden addresses, sites, shuffle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "engine/dns/mx.h"

static struct arena arena;

static int start_arena(void **state)
{
	(void)state;
	arena_init(&arena, 0);
	return 0;
}

static int end_arena(void **state)
{
	(void)state;
	arena_done(&arena);
	return 0;
}

/* "10 mx1.a.com, 5 ." to an MX answer of TTL 300. */
static struct dns_answer mx_answer(const char *text)
{
	struct dns_record *records = arena_alloc(&arena, 64 * sizeof(*records));
	struct dns_answer answer = {.status = DNS_OK, .ttl_s = 300, .records = records};
	answer.name = STR("d.com");
	struct str rest = str_from(text);
	while (rest.len > 0) {
		struct str one = str_trim(str_take_until(&rest, ','));
		uint64_t preference;
		assert_int_equal(str_to_u64(str_take_until(&one, ' '), &preference), 0);
		records[answer.count].preference = (uint16_t)preference;
		records[answer.count++].name = one;
	}
	return answer;
}

/* "1.2.3.4 1.2.3.5" to an answer, or a status by its name. */
static struct dns_answer address_answer(const char *text)
{
	struct dns_record *records = arena_alloc(&arena, 64 * sizeof(*records));
	struct dns_answer answer = {.status = DNS_OK, .ttl_s = 200, .records = records};
	for (enum dns_status s = DNS_NODATA; s <= DNS_ALIAS; s++) {
		if (strcmp(text, dns_status_name(s)) == 0)
			return (struct dns_answer){.status = s, .ttl_s = 30};
	}
	struct str rest = str_from(text);
	while (rest.len > 0)
		assert_int_equal(ip_parse(str_take_until(&rest, ' '), &records[answer.count++].ip),
				 0);
	return answer;
}

static void append(char *text, size_t size, const char *part)
{
	size_t len = strlen(text);
	snprintf(text + len, size - len, "%s%s", len > 0 ? " " : "", part);
}

/* "mx1.a.com=1.2.3.4/1.2.3.5 …" */
static void describe(const struct mx_answer *answer, char *text, size_t size)
{
	text[0] = '\0';
	for (size_t i = 0; i < answer->host_count; i++) {
		const struct mx_host *host = &answer->hosts[i];
		char one[1024];
		int n = snprintf(one, sizeof(one), "%s", host->name.ptr);
		for (size_t k = 0; k < host->address_count; k++) {
			char ip[IP_TEXT_SIZE];
			n += snprintf(one + n, sizeof(one) - (size_t)n, "%c%s", k ? '/' : '=',
				      ip_format(&host->addresses[k], ip, sizeof(ip)));
		}
		append(text, size, one);
	}
}

static const struct {
	const char *mx;
	const char *addresses[4]; /* by host of the draft: best first */
	enum mx_result want;
	const char *want_hosts, *want_site;
	uint32_t want_ttl_s;
} domain_cases[] = {
	{"20 b.com, 10 a.com",
	 {"8.8.8.1", "8.8.8.2"},
	 MX_OK,
	 "a.com=8.8.8.1 b.com=8.8.8.2",
	 "a.com,b.com",
	 200},
	{"10 b.com, 10 a.com, 5 b.com",
	 {"8.8.8.1", "8.8.8.2"},
	 MX_OK,
	 "b.com=8.8.8.1 a.com=8.8.8.2",
	 "a.com,b.com",
	 200},
	{"0 .", {0}, MX_NULL_MX, "", "", 300},
	{"0 ., 10 a.com", {"8.8.8.1"}, MX_OK, "a.com=8.8.8.1", "a.com", 200},
	{"10 192.0.2.1", {0}, MX_NO_HOST, "", "", 300},
	{"10 a.com", {"nxdomain"}, MX_NO_HOST, "", "a.com", 30},
	{"10 a.com, 20 b.com", {"nxdomain", "servfail"}, MX_SERVFAIL, "", "a.com,b.com", 30},
	{"10 a.com, 20 b.com", {"timeout", "servfail"}, MX_TIMEOUT, "", "a.com,b.com", 30},
	{"10 a.com, 20 b.com", {"timeout", "8.8.8.8"}, MX_OK, "b.com=8.8.8.8", "a.com,b.com", 30},
	{"10 a.com", {"127.0.0.1"}, MX_FORBIDDEN, "", "a.com", 200},
	{"10 a.com", {"10.0.0.1 8.8.8.8"}, MX_OK, "a.com=8.8.8.8", "a.com", 200},
	{"10 a.com", {"9.9.9.9"}, MX_FORBIDDEN, "", "a.com", 200},	   /* our own */
	{"10 a.com", {"10.9.0.1"}, MX_OK, "a.com=10.9.0.1", "a.com", 200}, /* allowed */
	{"10 a.com", {"2606:4700::1 8.8.8.8"}, MX_OK, "a.com=8.8.8.8", "a.com", 200},
};

static void domains_and_their_hosts(void **state)
{
	(void)state;
	struct ip own;
	struct ip_range allowed;
	assert_int_equal(ip_parse(STR("9.9.9.9"), &own), 0);
	assert_int_equal(ip_range_parse(STR("10.9.0.0/16"), &allowed), 0);
	struct mx_policy policy = {true, false, &allowed, 1, &own, 1};
	for (size_t i = 0; i < ARRAY_LEN(domain_cases); i++) {
		struct mx_draft d;
		struct dns_answer mx = mx_answer(domain_cases[i].mx);
		mx_draft_start(&d, &arena, STR("d.com"), &mx, &policy);
		for (size_t k = 0; k < d.host_count; k++) {
			struct dns_answer a = address_answer(domain_cases[i].addresses[k]);
			mx_draft_address(&d, k, &a);
		}
		struct mx_answer *answer = mx_draft_finish(&d);
		char hosts[2048];
		describe(answer, hosts, sizeof(hosts));
		assert_string_equal(mx_result_name(answer->result),
				    mx_result_name(domain_cases[i].want));
		assert_string_equal(hosts, domain_cases[i].want_hosts);
		assert_string_equal(answer->site.ptr, domain_cases[i].want_site);
		assert_int_equal(d.ttl_s, domain_cases[i].want_ttl_s);
		mx_answer_drop(answer);
	}
}

static void a_domain_without_mx_is_its_own_host(void **state)
{
	(void)state;
	static const struct {
		enum dns_status mx;
		const char *address;
		enum mx_result want;
		const char *want_hosts;
	} cases[] = {
		{DNS_NODATA, "8.8.8.8", MX_OK, "end.com=8.8.8.8"},
		{DNS_NODATA, "nodata", MX_NODATA, ""},
		{DNS_NODATA, "timeout", MX_TIMEOUT, ""},
		{DNS_NXDOMAIN, NULL, MX_NXDOMAIN, ""},
		{DNS_SERVFAIL, NULL, MX_SERVFAIL, ""},
		{DNS_MALFORMED, NULL, MX_SERVFAIL, ""},
		{DNS_TIMEOUT, NULL, MX_TIMEOUT, ""},
	};
	struct mx_policy policy = {.uses_ipv4 = true};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct mx_draft d;
		struct dns_answer mx = {.status = cases[i].mx, .name = STR("end.com")};
		mx_draft_start(&d, &arena, STR("d.com"), &mx, &policy);
		assert_int_equal(d.host_count, cases[i].address != NULL);
		if (cases[i].address != NULL) {
			struct dns_answer a = address_answer(cases[i].address);
			mx_draft_address(&d, 0, &a);
		}
		struct mx_answer *answer = mx_draft_finish(&d);
		char hosts[256];
		describe(answer, hosts, sizeof(hosts));
		assert_int_equal(answer->result, cases[i].want);
		assert_int_equal(answer->is_implicit, cases[i].mx == DNS_NODATA);
		assert_string_equal(hosts, cases[i].want_hosts);
		mx_answer_drop(answer);
	}
}

static void both_families_ipv6_first_within_the_caps(void **state)
{
	(void)state;
	struct mx_policy policy = {.uses_ipv4 = true, .uses_ipv6 = true};
	struct mx_draft d;
	struct dns_answer mx = mx_answer("10 a.com");
	mx_draft_start(&d, &arena, STR("d.com"), &mx, &policy);
	struct dns_answer a = address_answer("8.0.0.1 8.0.0.2 8.0.0.3 8.0.0.4 8.0.0.5 8.0.0.6 "
					     "8.0.0.7 8.0.0.8 8.0.0.9");
	struct dns_answer aaaa = address_answer("2606::1 2606::2");
	mx_draft_address(&d, 0, &a);
	mx_draft_address(&d, 0, &aaaa);
	struct mx_answer *answer = mx_draft_finish(&d);
	assert_int_equal(answer->hosts[0].address_count, MX_ADDRESSES_MAX + 2);
	assert_int_equal(answer->hosts[0].addresses[0].family, IP_V6);
	assert_int_equal(answer->hosts[0].addresses[1].family, IP_V6);
	assert_int_equal(answer->hosts[0].addresses[2].bytes[3], 1);
	mx_answer_drop(answer);
}

static void many_hosts_are_capped_to_the_best(void **state)
{
	(void)state;
	struct mx_policy policy = {.uses_ipv4 = true};
	struct dns_record records[200];
	char names[200][16];
	for (size_t i = 0; i < 200; i++) {
		snprintf(names[i], sizeof(names[i]), "mx%03zu.com", i);
		records[i] = (struct dns_record){.preference = (uint16_t)(200 - i)};
		records[i].name = str_from(names[i]);
	}
	struct dns_answer mx = {.status = DNS_OK, .ttl_s = 60, .records = records, .count = 200};
	struct mx_draft d;
	mx_draft_start(&d, &arena, STR("d.com"), &mx, &policy);
	assert_int_equal(d.host_count, MX_HOSTS_MAX);
	assert_int_equal(d.hosts[0].preference, 1);
	assert_int_equal(d.hosts[MX_HOSTS_MAX - 1].preference, MX_HOSTS_MAX);
	mx_answer_drop(mx_draft_finish(&d));
}

static void a_named_host_may_be_anywhere(void **state)
{
	(void)state;
	struct mx_policy policy = {.uses_ipv4 = true};
	struct mx_draft d;
	struct dns_answer a = address_answer("127.0.0.1");
	mx_draft_start_host(&d, &arena, STR("smart.local"), &policy);
	mx_draft_address(&d, 0, &a);
	struct mx_answer *answer = mx_draft_finish(&d);
	assert_int_equal(answer->result, MX_OK);
	assert_string_equal(answer->site.ptr, "smart.local");
	assert_ptr_equal(mx_answer_hold(answer), answer);
	mx_answer_drop(answer);
	mx_answer_drop(answer);
}

static void equals_are_shuffled_evenly_and_by_seed(void **state)
{
	(void)state;
	struct mx_policy policy = {.uses_ipv4 = true};
	struct mx_draft d;
	struct dns_answer mx = mx_answer("5 first.com, 10 a.com, 10 b.com, 10 c.com, 10 d.com");
	mx_draft_start(&d, &arena, STR("d.com"), &mx, &policy);
	for (size_t i = 0; i < d.host_count; i++) {
		struct dns_answer a = address_answer("8.8.8.8");
		mx_draft_address(&d, i, &a);
	}
	struct mx_answer *answer = mx_draft_finish(&d);
	int second[5] = {0};
	for (uint64_t seed = 0; seed < 4000; seed++) {
		uint8_t order[MX_HOSTS_MAX], again[MX_HOSTS_MAX];
		mx_order(answer, seed, order);
		mx_order(answer, seed, again);
		assert_memory_equal(order, again, 5);
		assert_int_equal(order[0], 0);
		assert_int_equal(order[1] + order[2] + order[3] + order[4], 1 + 2 + 3 + 4);
		second[order[1]]++;
	}
	for (size_t i = 1; i < 5; i++)
		assert_in_range(second[i], 850, 1150);
	mx_answer_drop(answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(domains_and_their_hosts),
		cmocka_unit_test(a_domain_without_mx_is_its_own_host),
		cmocka_unit_test(both_families_ipv6_first_within_the_caps),
		cmocka_unit_test(many_hosts_are_capped_to_the_best),
		cmocka_unit_test(a_named_host_may_be_anywhere),
		cmocka_unit_test(equals_are_shuffled_evenly_and_by_seed),
	};
	return cmocka_run_group_tests(tests, start_arena, end_arena);
}
