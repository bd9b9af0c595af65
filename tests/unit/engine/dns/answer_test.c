/* SPDX-License-Identifier: MIT */
/* Raw packets to records: chains, TTLs, negative answers, and packets made to hurt. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>

#include "engine/dns/answer.h"
#include "tests/unit/engine/dns/packet.h"

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

static struct dns_answer parse(struct buf *b, const char *name, enum dns_type type)
{
	/* An exact copy on the heap, so that a sanitizer sees a read past its end. */
	char *exact = xmalloc(b->len);
	for (size_t i = 0; i < b->len; i++)
		exact[i] = b->data[i];
	struct dns_answer answer = dns_parse(str_of(exact, b->len), str_from(name), type, &arena);
	free(exact);
	buf_done(b);
	return answer;
}

static void mx_records_with_least_ttl(void **state)
{
	(void)state;
	struct buf b;
	packet_start(&b, 0, "example.com", DNS_MX, 3);
	packet_mx(&b, "EXAMPLE.com", 300, 20, "MX2.Example.COM");
	packet_mx(&b, "example.com", 120, 10, "mx1.example.com");
	packet_mx(&b, "other.com", 5, 1, "mx.other.com"); /* not ours */
	struct dns_answer answer = parse(&b, "example.com", DNS_MX);
	assert_int_equal(answer.status, DNS_OK);
	assert_int_equal(answer.count, 2);
	assert_int_equal(answer.ttl_s, 120);
	assert_int_equal(answer.records[0].preference, 20);
	assert_true(str_equals(answer.records[0].name, STR("mx2.example.com")));
	assert_true(str_equals(answer.records[1].name, STR("mx1.example.com")));
}

static void compressed_names(void **state)
{
	(void)state;
	struct buf b;
	packet_start(&b, 0, "example.com", DNS_MX, 1);
	buf_append_be16(&b, 0xC00C); /* the question's name */
	buf_append_be16(&b, DNS_MX);
	buf_append_be16(&b, 1);
	buf_append_be32(&b, 60);
	buf_append_be16(&b, 2 + 3 + 2);
	buf_append_be16(&b, 5);
	buf_append(&b, "\002mx\xC0\x0C", 5);
	struct dns_answer answer = parse(&b, "example.com", DNS_MX);
	assert_int_equal(answer.status, DNS_OK);
	assert_true(str_equals(answer.records[0].name, STR("mx.example.com")));
}

static void chains_are_followed_in_any_order(void **state)
{
	(void)state;
	struct buf b;
	packet_start(&b, 0, "a.com", DNS_A, 3);
	packet_a(&b, "c.com", 300, 0x01020304);
	packet_cname(&b, "b.com", 200, "c.com");
	packet_cname(&b, "a.com", 100, "B.com");
	struct dns_answer answer = parse(&b, "a.com", DNS_A);
	assert_int_equal(answer.status, DNS_OK);
	assert_int_equal(answer.count, 1);
	assert_int_equal(answer.ttl_s, 100);
	assert_int_equal(answer.records[0].ip.bytes[3], 4);
	assert_true(str_equals(answer.name, STR("c.com")));
}

static void negative_answers(void **state)
{
	(void)state;
	static const struct {
		unsigned rcode;
		bool has_cname, has_soa;
		enum dns_status want;
		uint32_t want_ttl_s;
	} cases[] = {
		{0, false, true, DNS_NODATA, 60},   {0, false, false, DNS_NODATA, 0},
		{3, false, true, DNS_NXDOMAIN, 60}, {3, true, true, DNS_NXDOMAIN, 50},
		{0, true, true, DNS_NODATA, 50},    {0, true, false, DNS_ALIAS, 50},
		{2, false, false, DNS_SERVFAIL, 0}, {5, false, true, DNS_SERVFAIL, 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf b;
		packet_start(&b, cases[i].rcode, "a.com", DNS_MX, cases[i].has_cname);
		packet_set_authorities(&b, cases[i].has_soa);
		if (cases[i].has_cname)
			packet_cname(&b, "a.com", 50, "b.com");
		if (cases[i].has_soa)
			packet_soa(&b, "com", 900, 60);
		struct dns_answer answer = parse(&b, "a.com", DNS_MX);
		assert_int_equal(answer.status, cases[i].want);
		assert_int_equal(answer.ttl_s, cases[i].want_ttl_s);
		assert_int_equal(answer.count, 0);
	}
}

static void names_that_are_no_host_names(void **state)
{
	(void)state;
	struct buf b;
	packet_start(&b, 0, "a.com", DNS_MX, 2);
	packet_mx(&b, "a.com", 60, 0, "");
	packet_mx(&b, "a.com", 60, 5, "ev il.com");
	struct dns_answer answer = parse(&b, "a.com", DNS_MX);
	assert_int_equal(answer.status, DNS_OK);
	assert_int_equal(answer.count, 2);
	assert_true(str_equals(answer.records[0].name, STR(".")));
	assert_int_equal(answer.records[1].name.len, 0);
}

static void hostile_packets_are_malformed(void **state)
{
	(void)state;
	struct buf b;
	packet_start(&b, 0, "a.com", DNS_MX, 1); /* a name that points to itself */
	buf_append_be16(&b, (uint16_t)(0xC000u | b.len));
	buf_append_be64(&b, 0);
	assert_int_equal(parse(&b, "a.com", DNS_MX).status, DNS_MALFORMED);

	packet_start(&b, 0, "a.com", DNS_A, 1); /* data longer than the packet */
	packet_rr(&b, "a.com", DNS_A, 60, 400);
	assert_int_equal(parse(&b, "a.com", DNS_A).status, DNS_MALFORMED);

	packet_start(&b, 0, "a.com", DNS_A, 9); /* fewer records than announced */
	packet_a(&b, "a.com", 60, 1);
	assert_int_equal(parse(&b, "a.com", DNS_A).status, DNS_MALFORMED);

	packet_start(&b, 0, "a.com", DNS_A, 2); /* a loop of aliases */
	packet_cname(&b, "a.com", 60, "b.com");
	packet_cname(&b, "b.com", 60, "a.com");
	assert_int_equal(parse(&b, "a.com", DNS_A).status, DNS_MALFORMED);

	packet_start(&b, 0, "a.com", DNS_MX, 1); /* MX of 2 bytes: dropped, so none */
	packet_rr(&b, "a.com", DNS_MX, 60, 2);
	buf_append_be16(&b, 10);
	assert_int_equal(parse(&b, "a.com", DNS_MX).status, DNS_NODATA);

	buf_init(&b, 10); /* shorter than a header */
	buf_append_be16(&b, 1);
	assert_int_equal(parse(&b, "a.com", DNS_MX).status, DNS_MALFORMED);
}

static void many_records_are_capped(void **state)
{
	(void)state;
	struct buf b;
	packet_start(&b, 0, "a.com", DNS_A, 2000);
	for (uint32_t i = 0; i < 2000; i++)
		packet_a(&b, "a.com", 60, i);
	struct dns_answer answer = parse(&b, "a.com", DNS_A);
	assert_int_equal(answer.status, DNS_OK);
	assert_int_equal(answer.count, DNS_RECORDS_MAX);
}

static void texts_are_joined(void **state)
{
	(void)state;
	struct buf b;
	packet_start(&b, 0, "a.com", DNS_TXT, 1);
	packet_rr(&b, "a.com", DNS_TXT, 60, 9);
	buf_append(&b, "\003v=D\004KIM1", 9);
	struct dns_answer answer = parse(&b, "a.com", DNS_TXT);
	assert_true(str_equals(answer.records[0].name, STR("v=DKIM1")));
	size_t size;
	struct dns_answer *copy = dns_answer_copy(&answer, &size);
	assert_true(str_equals(copy->records[0].name, STR("v=DKIM1")));
	assert_true(str_equals(copy->name, STR("a.com")));
	free(copy);
}

static void names_are_normalised(void **state)
{
	(void)state;
	static const struct {
		const char *name, *want;
	} cases[] = {
		{"Example.COM", "example.com"},
		{"example.com.", "example.com"},
		{"_dmarc.a-b.c", "_dmarc.a-b.c"},
		{"", NULL},
		{".", NULL},
		{"a..b", NULL},
		{".a", NULL},
		{"a b.com", NULL},
		{"a\\.com", NULL},
		{"\xe4\xb8\xad.cn", NULL},
		{"a123456789012345678901234567890123456789012345678901234567890123.com", NULL},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[DNS_NAME_MAX + 1];
		struct str out = {0};
		int rc = dns_name_normalise(str_from(cases[i].name), text, &out);
		assert_int_equal(rc, cases[i].want == NULL ? -1 : 0);
		assert_true(str_equals(out, str_from(cases[i].want)));
	}
}

static void reverse_names(void **state)
{
	(void)state;
	struct ip ip;
	char text[DNS_NAME_MAX + 1];
	assert_int_equal(ip_parse(STR("192.0.2.7"), &ip), 0);
	assert_true(str_equals(dns_reverse_name(&ip, text), STR("7.2.0.192.in-addr.arpa")));
	assert_int_equal(ip_parse(STR("2001:db8::1"), &ip), 0);
	assert_true(str_equals(dns_reverse_name(&ip, text),
			       STR("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0."
				   "8.b.d.0.1.0.0.2.ip6.arpa")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mx_records_with_least_ttl),
		cmocka_unit_test(compressed_names),
		cmocka_unit_test(chains_are_followed_in_any_order),
		cmocka_unit_test(negative_answers),
		cmocka_unit_test(names_that_are_no_host_names),
		cmocka_unit_test(hostile_packets_are_malformed),
		cmocka_unit_test(many_records_are_capped),
		cmocka_unit_test(texts_are_joined),
		cmocka_unit_test(names_are_normalised),
		cmocka_unit_test(reverse_names),
	};
	return cmocka_run_group_tests(tests, start_arena, end_arena);
}
