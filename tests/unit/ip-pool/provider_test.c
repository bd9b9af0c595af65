/* SPDX-License-Identifier: MIT */
/* Providers: the built-in table, matching, what the check refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "ip-pool/provider.h"

static void hosts_find_their_provider(void **state)
{
	(void)state;
	static const struct {
		const char *host;
		const char *want; /* "" = tail */
	} cases[] = {
		{"gmail-smtp-in.l.google.com", "gmail"},
		{"GMAIL-SMTP-IN.L.GOOGLE.COM.", "gmail"},
		{"mx1.qq.com", "qq"},
		{"mx3.qq.com..", "qq"},
		{"163mx01.mxmail.netease.com", "netease"},
		{"hotmail-com.olc.protection.outlook.com", "outlook"},
		{"example-com.mail.protection.outlook.com", "m365"},
		{"notqq.com", ""},
		{"mx.evilqq.com", ""},
		{"qq.com.evil.org", ""},
		{"mx.example.com", ""},
		{"com", ""},
		{"", ""},
		{".", ""},
	};
	struct provider_table *t = NULL;
	struct err err;
	assert_int_equal(provider_table_builtin(NULL, 0, &t, &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct provider *p = provider_of_host(t, str_from(cases[i].host));
		struct str name = p != NULL ? p->name : STR("");
		if (!str_equals(name, str_from(cases[i].want)))
			fail_msg("%s: %.*s, want %s", cases[i].host, STR_ARG(name), cases[i].want);
	}
	assert_true(str_equals(provider_of_domain(t, STR("QQ.com"))->name, STR("qq")));
	assert_null(provider_of_domain(t, STR("example.com")));
	provider_table_free(t);
}

static void every_suffix_of_the_built_in_table_matches(void **state)
{
	(void)state;
	struct provider_table *t = NULL;
	struct err err;
	assert_int_equal(provider_table_builtin(NULL, 0, &t, &err), 0);
	assert_true(provider_table_count(t) > 10);
	for (size_t i = 0; i < provider_table_count(t); i++) {
		const struct provider *p = provider_table_at(t, i);
		for (size_t k = 0; k < p->mx_suffix_count; k++) {
			char host[300];
			(void)snprintf(host, sizeof(host), "Mx-1.%.*s.",
				       STR_ARG(p->mx_suffixes[k]));
			assert_ptr_equal(provider_of_host(t, str_from(host)), p);
		}
		assert_true(p->title_en.len > 0 && p->title_zh.len > 0);
		assert_true(p->initial_connections >= 1);
	}
	provider_table_free(t);
}

#define TABLE(body) "{\"providers\":[" body "]}"
#define ONE                                                                                        \
	"{\"name\":\"a\",\"mx_suffixes\":[\".a.org\"],\"limits\":{\"connections\":3},"             \
	"\"initial_connections\":2}"

static void unsound_tables_are_refused(void **state)
{
	(void)state;
	static const struct {
		const char *json;
		int want;
	} cases[] = {
		{TABLE(ONE), 0},
		{TABLE(ONE "," ONE), -1},
		{TABLE("{\"name\":\"a\",\"mx_suffixes\":[]}"), -1},
		{TABLE("{\"name\":\"a\",\"mx_suffixes\":[\".a..org\"]}"), -1},
		{TABLE("{\"name\":\"a\",\"mx_suffixes\":[\"*.a.org\"]}"), -1},
		{TABLE("{\"name\":\"a\",\"mx_suffixes\":[\"org\"]}"), -1},
		{TABLE("{\"name\":\"a\",\"mx_suffixes\":[\".a.org\",\"A.org.\"]}"), -1},
		{TABLE("{\"name\":\"A b\",\"mx_suffixes\":[\".a.org\"]}"), -1},
		{TABLE("{\"name\":\"tail\",\"mx_suffixes\":[\".a.org\"]}"), -1},
		{TABLE(ONE ",{\"name\":\"b\",\"mx_suffixes\":[\".a.org\"]}"), -1},
		{TABLE("{\"name\":\"a\",\"mx_suffixes\":[\".a.org\"],\"limits\":"
		       "{\"connections\":0}}"),
		 -1},
		{TABLE("{\"name\":\"a\",\"mx_suffixes\":[\".a.org\"],\"limits\":"
		       "{\"connections\":2},\"initial_connections\":3}"),
		 -1},
		{TABLE(""), -1},
		{"[]", -1},
		{"{", -1},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct provider_table *t = NULL;
		struct err err = {.kind = ERR_NONE};
		int status = provider_table_parse(str_from(cases[i].json), &t, &err);
		if (status != cases[i].want)
			fail_msg("%s: %d (%s)", cases[i].json, status, err.text);
		provider_table_free(t);
	}
}

#define SUFFIXES(list) TABLE("{\"name\":\"a\",\"mx_suffixes\":[" list "]}")
#define DOMAINS(list) TABLE("{\"name\":\"a\",\"mx_suffixes\":[\".a.org\"],\"domains\":[" list "]}")
#define LIMITS(list)                                                                               \
	TABLE("{\"name\":\"a\",\"mx_suffixes\":[\".a.org\"],\"initial_connections\":1,"            \
	      "\"limits\":{" list "}}")

/* One sentence each, and it names what is meant. */
static const struct {
	const char *json, *want; /* NULL = it is sound */
} lint_cases[] = {
	{SUFFIXES("\"*.a.org\""),
	 "\"*.a.org\" has a \"*\": leave it out, an ending stands for every name below it"},
	{SUFFIXES("\"192.0.2.1\""), "\"192.0.2.1\" is an address: give the ending of a host "
				    "name"},
	{SUFFIXES("\"2001:db8::1\""), "\"2001:db8::1\" is an address: give the ending of a "
				      "host name"},
	{SUFFIXES("\"you@a.org\""), "\"you@a.org\" is a mail address: give its domain"},
	{SUFFIXES("\"邮箱.cn\""), "\"邮箱.cn\" is not as DNS has it: write its xn-- form"},
	{SUFFIXES("\".org.\""), "\"org\" is a whole top-level domain: give at least two labels"},
	{SUFFIXES("\".a..org\""), "\"a..org\" can be no host name: look at its labels"},
	{SUFFIXES("\"-a.org\""), "\"-a.org\" can be no host name: look at its labels"},
	{SUFFIXES("\"a_b.c/d.org\""), "\"a_b.c/d.org\" can be no host name: look at its labels"},
	{SUFFIXES("\".a.org\",\"A.org.\""), "\"a.org\" stands twice in its mx_suffixes"},
	{SUFFIXES("\".mx.a.org\",\".a.org\""),
	 "\"mx.a.org\" adds nothing, since \"a.org\" covers it"},
	{SUFFIXES("\".a.org\",\".mxa.org\""), NULL},
	{TABLE(ONE ",{\"name\":\"b\",\"mx_suffixes\":[\"A.ORG\"]}"),
	 "\"a.org\" is among the mx_suffixes of \"b\""},
	/* A longer ending is no conflict: it wins. */
	{TABLE(ONE ",{\"name\":\"b\",\"mx_suffixes\":[\".mx.a.org\"]}"), NULL},
	{DOMAINS("\"b.org\",\"B.org.\""), "\"b.org\" stands twice in its domains"},
	{DOMAINS("\"*\""), "\"*\" has a \"*\": leave it out, an ending stands for every name "
			   "below it"},
	{TABLE("{\"name\":\"a\",\"mx_suffixes\":[\".a.org\"],\"domains\":[\"c.org\"]},"
	       "{\"name\":\"b\",\"mx_suffixes\":[\".b.org\"],\"domains\":[\"C.org\"]}"),
	 "\"c.org\" is among the domains of \"b\""},
	{LIMITS("\"messages_per_min\":100,\"messages_per_hour\":6001"),
	 "rate=6001/h can never bind: its other limits allow 6000/h at most"},
	{LIMITS("\"messages_per_min\":100,\"messages_per_hour\":6000"), NULL},
	{LIMITS("\"messages_per_min\":1,\"messages_per_day\":1441"),
	 "rate=1441/day can never bind: its other limits allow 1440/day at most"},
	{LIMITS("\"messages_per_hour\":10,\"messages_per_day\":241"),
	 "rate=241/day can never bind: its other limits allow 240/day at most"},
	{LIMITS("\"connections\":2,\"new_connections_per_min\":3,"
		"\"messages_per_connection\":4,\"messages_per_min\":21"),
	 "rate=21/min can never bind: its other limits allow 20/min at most"},
	{LIMITS("\"connections\":2,\"new_connections_per_min\":3,"
		"\"messages_per_connection\":4,\"messages_per_min\":20"),
	 NULL},
};

static void what_could_do_nothing_is_named(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lint_cases); i++) {
		struct provider_table *t = NULL;
		struct err err = {.kind = ERR_NONE};
		char want[400] = "";
		int status = provider_table_parse(str_from(lint_cases[i].json), &t, &err);
		if (lint_cases[i].want != NULL)
			(void)snprintf(want, sizeof(want), "provider \"a\": %s",
				       lint_cases[i].want);
		assert_int_equal(status, lint_cases[i].want != NULL ? -1 : 0);
		assert_string_equal(err.text, want);
		if (status == 0)
			provider_table_free(t);
	}
}

static void the_built_in_table_is_sound(void **state)
{
	(void)state;
	struct provider_table *t = NULL;
	struct err err = {.kind = ERR_NONE};
	assert_int_equal(provider_table_builtin(NULL, 0, &t, &err), 0);
	if (provider_table_lint(t, &err) != 0)
		fail_msg("%s", err.text);
	provider_table_free(t);
}

/* A version that ships a name which an operator has given to a provider already must start. */
static void an_operators_name_is_the_operators(void **state)
{
	(void)state;
	struct provider_table *t = NULL;
	struct err err = {.kind = ERR_NONE};
	const struct provider_override own = {
		STR("own"), STR("{\"mx_suffixes\":[\".qq.com\"],\"domains\":[\"foxmail.com\"]}")};
	assert_int_equal(provider_table_builtin(&own, 1, &t, &err), 0);
	assert_true(str_equals(provider_of_host(t, STR("mx3.qq.com"))->name, STR("own")));
	assert_true(str_equals(provider_of_domain(t, STR("foxmail.com"))->name, STR("own")));
	assert_true(str_equals(provider_of_domain(t, STR("qq.com"))->name, STR("qq")));
	assert_int_equal(provider_lint(t, provider_find(t, STR("own")), &err), -1);
	assert_string_equal(err.text,
			    "provider \"own\": \"qq.com\" is among the mx_suffixes of \"qq\"");
	provider_table_free(t);
}

static void overrides_win_key_by_key(void **state)
{
	(void)state;
	struct provider_table *t = NULL;
	struct err err;
	const struct provider_override overrides[] = {
		{STR("qq"), STR("{\"limits\":{\"messages_per_min\":77},\"verp\":false}")},
		{STR("qq"), STR("{\"limits\":{\"messages_per_connection\":null}}")},
		{STR("own"), STR("{\"mx_suffixes\":[\".mx1.qq.com\"]}")},
	};
	assert_int_equal(provider_table_builtin(NULL, 0, &t, &err), 0);
	int64_t connections = provider_find(t, STR("qq"))->limits.connections;
	provider_table_free(t);
	assert_int_equal(provider_table_builtin(overrides, ARRAY_LEN(overrides), &t, &err), 0);
	const struct provider *qq = provider_find(t, STR("qq"));
	assert_int_equal(qq->limits.messages[LIMIT_MINUTE], 77);
	assert_int_equal(qq->limits.messages_per_connection, LIMIT_NONE);
	assert_int_equal(qq->limits.connections, connections);
	assert_false(qq->verp);
	/* The longer suffix wins. */
	assert_true(str_equals(provider_of_host(t, STR("a.mx1.qq.com"))->name, STR("own")));
	assert_true(str_equals(provider_of_host(t, STR("a.mx2.qq.com"))->name, STR("qq")));
	provider_table_free(t);
	const struct provider_override bad = {STR("qq"), STR("{\"limits\":{\"connections\":-1}}")};
	assert_int_equal(provider_table_builtin(&bad, 1, &t, &err), -1);
	const struct provider_override worse = {STR("qq"), STR("5")};
	assert_int_equal(provider_table_builtin(&worse, 1, &t, &err), -1);
}

/* What is known of each provider (operators' experience that has been published, and what the
 * receivers say themselves). Where two sources differ it is the number nobody is refused with: the
 * lower one, but for a receiver's own word (yahoo). From aliyun on nothing was published: not above
 * what is taken everywhere, 10 connections and 100 messages on each. */
static const struct {
	const char *name, *tls;
	int64_t connections, messages_per_connection, per_min, per_hour;
} known[] = {
	{"gmail", "required", 5, 50, LIMIT_NONE, LIMIT_NONE},
	{"outlook", NULL, 5, 50, LIMIT_NONE, LIMIT_NONE},
	{"m365", NULL, 5, 50, LIMIT_NONE, LIMIT_NONE},
	{"yahoo", NULL, 10, 20, LIMIT_NONE, LIMIT_NONE},
	{"yahoojp", NULL, 2, 20, 600, LIMIT_NONE},
	{"icloud", NULL, 10, 5, LIMIT_NONE, LIMIT_NONE},
	{"qq", "required", 4, 4, LIMIT_NONE, LIMIT_NONE},
	{"netease", "required", 4, 7, LIMIT_NONE, LIMIT_NONE},
	{"sina", NULL, 10, 3, LIMIT_NONE, 54000},
	{"sohu", NULL, 10, 3, LIMIT_NONE, LIMIT_NONE},
	{"mail189", NULL, 10, 3, LIMIT_NONE, LIMIT_NONE},
	{"tom", NULL, 10, 3, LIMIT_NONE, LIMIT_NONE},
	{"comcast", "required", 4, 400, LIMIT_NONE, LIMIT_NONE},
	{"gmx", "required", 4, 20, LIMIT_NONE, LIMIT_NONE},
	{"orange", "required", 2, 100, LIMIT_NONE, LIMIT_NONE},
	{"mimecast", NULL, 10, 100, LIMIT_NONE, LIMIT_NONE},
	{"barracuda", NULL, 10, 15, LIMIT_NONE, LIMIT_NONE},
	{"att", NULL, 10, 100, LIMIT_NONE, 600},
	{"charter", NULL, 10, 100, LIMIT_NONE, LIMIT_NONE},
	{"mailcom", NULL, 10, 100, LIMIT_NONE, LIMIT_NONE},
	{"kpn", NULL, 10, 10, LIMIT_NONE, LIMIT_NONE},
	{"netvigator", NULL, 5, 10, LIMIT_NONE, LIMIT_NONE},
	{"aliyun", NULL, 10, 20, LIMIT_NONE, LIMIT_NONE},
	{"mail139", NULL, 10, 10, LIMIT_NONE, LIMIT_NONE},
	{"tonline", NULL, 4, 20, LIMIT_NONE, LIMIT_NONE},
	{"laposte", NULL, 2, 100, LIMIT_NONE, LIMIT_NONE},
	{"mailru", NULL, 10, 20, LIMIT_NONE, LIMIT_NONE},
};

static void the_built_in_numbers_are_those_that_are_known(void **state)
{
	(void)state;
	struct provider_table *t = NULL;
	struct err err;
	assert_int_equal(provider_table_builtin(NULL, 0, &t, &err), 0);
	assert_int_equal(provider_table_count(t), ARRAY_LEN(known));
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		const struct provider *p = provider_find(t, str_from(known[i].name));
		struct limit_values want;
		limit_values_init(&want);
		want.connections = known[i].connections;
		want.messages_per_connection = known[i].messages_per_connection;
		want.messages[LIMIT_MINUTE] = known[i].per_min;
		want.messages[LIMIT_HOUR] = known[i].per_hour;
		assert_non_null(p);
		const char *tls = p->tls.is_stated ? route_tls_name(p->tls.mode) : NULL;
		struct str want_tls = str_from(known[i].tls);
		if (memcmp(&p->limits, &want, sizeof(want)) != 0)
			fail_msg("%s has other limits than are known", known[i].name);
		if (!str_equals(str_from(tls), want_tls))
			fail_msg("%s: tls is %s", known[i].name, tls ? tls : "not stated");
	}
	provider_table_free(t);
}

static void tls_is_stated_or_not(void **state)
{
	(void)state;
	struct provider_table *t = NULL;
	struct err err;
	const struct provider_override overrides[] = {
		{STR("qq"), STR("{\"tls\":\"verified\"}")},
		{STR("sina"), STR("{\"tls\":\"none\"}")},
		{STR("gmx"), STR("{\"tls\":null}")},
	};
	const struct provider_override bad = {STR("qq"), STR("{\"tls\":\"always\"}")};
	assert_int_equal(provider_table_builtin(overrides, ARRAY_LEN(overrides), &t, &err), 0);
	assert_int_equal(provider_find(t, STR("qq"))->tls.mode, ROUTE_TLS_VERIFIED);
	assert_true(provider_find(t, STR("qq"))->tls.is_operators);
	assert_int_equal(provider_find(t, STR("sina"))->tls.mode, ROUTE_TLS_NONE);
	assert_false(provider_find(t, STR("gmx"))->tls.is_stated);
	assert_false(provider_find(t, STR("gmail"))->tls.is_operators);
	provider_table_free(t);
	assert_int_equal(provider_table_builtin(&bad, 1, &t, &err), -1);
	assert_string_equal(err.text, "provider \"qq\": tls is \"always\", not none, "
				      "opportunistic, required or verified");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_find_their_provider),
		cmocka_unit_test(every_suffix_of_the_built_in_table_matches),
		cmocka_unit_test(unsound_tables_are_refused),
		cmocka_unit_test(what_could_do_nothing_is_named),
		cmocka_unit_test(the_built_in_table_is_sound),
		cmocka_unit_test(an_operators_name_is_the_operators),
		cmocka_unit_test(overrides_win_key_by_key),
		cmocka_unit_test(the_built_in_numbers_are_those_that_are_known),
		cmocka_unit_test(tls_is_stated_or_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
