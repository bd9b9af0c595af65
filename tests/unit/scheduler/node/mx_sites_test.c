/* SPDX-License-Identifier: MIT */
/* The sites behind a domain: hosts of one provider each, the best first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "scheduler/node/mx_sites.h"

static struct provider_table *providers;

static int load(void **state)
{
	struct err err = {0};
	(void)state;
	return provider_table_parse(
		STR("{\"providers\":[{\"name\":\"big\",\"mx_suffixes\":[\".big.test\"]},"
		    "{\"name\":\"other\",\"mx_suffixes\":[\".other.test\"]}]}"),
		&providers, &err);
}

static int unload(void **state)
{
	(void)state;
	provider_table_free(providers);
	return 0;
}

/* "10 a.big.test, 20 b.other.test" to an answer; site: its whole MX set. */
static struct mx_answer *answer_of(const char *text, const char *site)
{
	static struct ip ip;
	struct mx_host hosts[MX_HOSTS_MAX];
	struct mx_answer whole = {.result = MX_OK, .site = str_from(site), .hosts = hosts};
	struct str rest = str_from(text);
	assert_int_equal(ip_parse(STR("127.0.0.9"), &ip), 0);
	while (rest.len > 0) {
		struct str one = str_trim(str_take_until(&rest, ','));
		uint64_t preference;
		assert_int_equal(str_to_u64(str_take_until(&one, ' '), &preference), 0);
		hosts[whole.host_count++] = (struct mx_host){.name = one,
							     .preference = (uint16_t)preference,
							     .address_count = 1,
							     .addresses = &ip};
	}
	return mx_answer_part(&whole, UINT32_MAX, whole.site);
}

struct site_case {
	const char *hosts;
	const char *site;
	struct {
		const char *key;   /* NULL = the domain has no such site */
		const char *hosts; /* names, separated by ' ' */
	} want[3];
};

static const struct site_case cases[] = {
	{"10 a.big.test, 20 b.big.test",
	 "a.big.test,b.big.test",
	 {{"a.big.test,b.big.test", "a.big.test b.big.test"}}},
	{"10 mx.small.test, 20 mx2.far.test",
	 "mx.small.test,mx2.far.test",
	 {{"mx.small.test,mx2.far.test", "mx.small.test mx2.far.test"}}},
	/* The best MX decides, whatever the numbers and names of the others are. */
	{"10 z.big.test, 20 a.other.test, 30 y.big.test, 40 b.other.test",
	 "a.other.test,b.other.test,y.big.test,z.big.test",
	 {{"y.big.test,z.big.test", "z.big.test y.big.test"},
	  {"a.other.test,b.other.test", "a.other.test b.other.test"}}},
	/* The tail's hosts are a site, too; one without an address is of its key all the same. */
	{"5 in.small.test, 10 a.big.test, 20 out.small.test, 30 c.other.test",
	 "a.big.test,c.other.test,in.small.test,lost.big.test,out.small.test",
	 {{"in.small.test,out.small.test", "in.small.test out.small.test"},
	  {"a.big.test,lost.big.test", "a.big.test"},
	  {"c.other.test", "c.other.test"}}},
};

static void check_site(const struct site_case *c, struct mx_answer *answer, size_t number)
{
	bool has_more = false;
	struct mx_answer *part = mx_site(answer, providers, number, &has_more);
	if (c->want[number].key == NULL) {
		assert_null(part);
		return;
	}
	assert_non_null(part);
	assert_true(str_equals(part->site, str_from(c->want[number].key)));
	struct str names = str_from(c->want[number].hosts);
	for (size_t i = 0; i < part->host_count; i++) {
		assert_true(str_equals(part->hosts[i].name, str_take_until(&names, ' ')));
		assert_int_equal(part->hosts[i].address_count, 1);
	}
	assert_int_equal(names.len, 0);
	assert_int_equal(has_more, number + 1 < 3 && c->want[number + 1].key != NULL);
	mx_answer_drop(part);
}

static void a_site_has_hosts_of_one_provider(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct mx_answer *answer = answer_of(cases[i].hosts, cases[i].site);
		for (size_t number = 0; number < 3; number++)
			check_site(&cases[i], answer, number);
		mx_answer_drop(answer);
	}
}

/* The usual domain costs no copy. */
static void a_set_of_one_provider_is_its_answer(void **state)
{
	(void)state;
	bool has_more = true;
	struct mx_answer *answer =
		answer_of("10 a.big.test, 10 b.big.test", "a.big.test,b.big.test");
	struct mx_answer *part = mx_site(answer, providers, 0, &has_more);
	assert_ptr_equal(part, answer);
	assert_false(has_more);
	mx_answer_drop(part);
	mx_answer_drop(answer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_site_has_hosts_of_one_provider),
		cmocka_unit_test(a_set_of_one_provider_is_its_answer),
	};
	return cmocka_run_group_tests(tests, load, unload);
}
