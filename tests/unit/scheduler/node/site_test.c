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

static struct site_pick pick_at(struct site *s, int64_t now)
{
	struct site_pick pick;
	assert_int_equal(site_opens_at(s, now), now);
	site_pick_host(s, now, &pick);
	return pick;
}

static bool fails(struct site *s, const char *host, int64_t now)
{
	return site_failed(s, str_from(host), STR("refused"), now);
}

static void hosts_go_by_preference_and_those_down_are_left_out(void **state)
{
	(void)state;
	static const struct host_case hosts[] = {{"a", 10}, {"b", 20}};
	struct site *s = site_with(answer_of(hosts, 2));
	assert_true(str_equals(pick_at(s, 1000).name, STR("a")));
	assert_false(fails(s, "a", 1000));
	assert_true(str_equals(pick_at(s, 1000).name, STR("b")));
	assert_true(fails(s, "b", 1500));
	assert_int_equal(site_opens_at(s, 1500), 2000);
	assert_true(str_equals(pick_at(s, 2000).name, STR("a")));
	site_drop(s);
}

/* However the dice fall: each of three equals has a third of the connections, and who lost some
 * gets the next ones. */
static void equals_share_the_connections(void **state)
{
	(void)state;
	static const struct host_case hosts[] = {{"a", 10}, {"b", 10}, {"c", 10}, {"d", 20}};
	struct site *s = site_with(answer_of(hosts, 4));
	struct site_host *a = site_host_named(s, STR("a"));
	for (int i = 0; i < 30; i++)
		(void)pick_at(s, 0);
	assert_int_equal(a->connections, 10);
	assert_int_equal(site_host_named(s, STR("b"))->connections, 10);
	assert_int_equal(site_host_named(s, STR("d"))->connections, 0);
	for (int i = 0; i < 10; i++)
		site_left(a);
	for (int i = 0; i < 10; i++)
		assert_true(str_equals(pick_at(s, 0).name, STR("a")));
	/* Which one is first among equals is a matter of chance. */
	int firsts = 0;
	for (int i = 0; i < 300; i++) {
		struct site_pick pick = pick_at(s, 0);
		firsts += i % 3 == 0 && str_equals(pick.name, STR("a"));
	}
	assert_in_range(firsts, 10, 60);
	/* One that is down has none, and the others share. */
	(void)fails(s, "a", 1);
	for (int i = 0; i < 20; i++)
		assert_false(str_equals(pick_at(s, 2).name, STR("a")));
	site_left(NULL);
	site_drop(s);
}

static void failures_double_the_wait_and_a_greeting_ends_it(void **state)
{
	(void)state;
	static const struct host_case hosts[] = {{"a", 10}};
	struct site *s = site_with(answer_of(hosts, 1));
	const struct site_host *a = site_host_named(s, STR("a"));
	(void)fails(s, "a", 0);
	assert_int_equal(a->down_until_ms, 1000);
	(void)fails(s, "a", 500); /* begun before the first failure was known */
	assert_int_equal(a->down_until_ms, 1000);
	(void)fails(s, "a", 1000);
	assert_int_equal(a->down_until_ms, 3000);
	assert_true(site_greeted(s, STR("a")));
	assert_false(site_greeted(s, STR("a")));
	assert_int_equal(site_opens_at(s, 1001), 1001);
	(void)fails(s, "a", 5000);
	assert_int_equal(a->down_until_ms, 6000);
	site_drop(s);
}

/* A host that was down is tried by one connection; nobody waits for it who can go elsewhere. */
static void a_probe_is_one_connection(void **state)
{
	(void)state;
	static const struct host_case hosts[] = {{"a", 10}, {"b", 20}};
	struct site *s = site_with(answer_of(hosts, 2));
	assert_false(pick_at(s, 0).is_probe);
	(void)fails(s, "a", 0);
	struct site_pick probe = pick_at(s, 1000);
	assert_true(probe.is_probe && str_equals(probe.name, STR("a")));
	for (int i = 0; i < 10; i++) {
		struct site_pick other = pick_at(s, 1000);
		assert_true(!other.is_probe && str_equals(other.name, STR("b")));
	}
	assert_true(fails(s, "b", 1000));
	assert_true(pick_at(s, 2000).is_probe);
	assert_int_equal(site_opens_at(s, 2000), INT64_MAX); /* both are being tried */
	site_probe_over(site_host_named(s, STR("a")));
	assert_int_equal(site_opens_at(s, 2000), 2000);
	site_probe_over(NULL); /* a connection to a host that has left */
	site_drop(s);
}

static void a_site_is_dead_while_no_host_has_greeted_since_it_failed(void **state)
{
	(void)state;
	static const struct host_case hosts[] = {{"a", 10}, {"b", 10}};
	static const struct host_case more[] = {{"a", 10}, {"b", 10}, {"c", 10}};
	struct site *s = site_with(answer_of(hosts, 2));
	assert_false(fails(s, "a", 100));
	assert_false(site_is_dead(s));
	assert_true(fails(s, "b", 200));
	assert_false(fails(s, "a", 5000)); /* it was known */
	assert_true(site_is_dead(s));
	assert_int_equal(s->dead_since_ms, 200);
	assert_string_equal(s->last_host, "a");
	assert_string_equal(s->last_text, "refused");
	assert_true(site_greeted(s, STR("b")));
	assert_false(site_is_dead(s));
	(void)fails(s, "b", 6000);
	assert_true(site_is_dead(s));
	struct mx_answer *fresh = answer_of(more, 3);
	site_refresh(s, fresh);
	mx_answer_drop(fresh);
	assert_false(site_is_dead(s)); /* nobody has tried c */
	assert_true(fails(s, "c", 7000));
	assert_false(fails(s, "gone", 7000));
	assert_false(site_greeted(s, STR("gone")));
	site_drop(s);
}

static void marks_follow_the_name_through_a_refresh(void **state)
{
	(void)state;
	static const struct host_case before[] = {{"a", 10}, {"b", 20}};
	static const struct host_case after[] = {{"c", 10}, {"a", 20}};
	struct site *s = site_with(answer_of(before, 2));
	site_mark(s, STR("a"), SITE_MARK_PLAIN, 9000);
	struct mx_answer *fresh = answer_of(after, 2);
	site_refresh(s, fresh);
	mx_answer_drop(fresh);
	assert_null(site_host_named(s, STR("b")));
	assert_true(site_is_marked(s, STR("a"), SITE_MARK_PLAIN, 8999));
	assert_false(site_is_marked(s, STR("a"), SITE_MARK_PLAIN, 9000));
	assert_false(site_is_marked(s, STR("a"), SITE_MARK_IN_TURN, 8999));
	assert_false(site_is_marked(s, STR("c"), SITE_MARK_PLAIN, 8999));
	assert_false(pick_at(s, 1000).is_plain);
	fails(s, "c", 1000);
	assert_true(pick_at(s, 1000).is_plain);
	site_drop(s);
}

static struct site *successor_of(struct site *before, size_t worker, enum tls_mode tls)
{
	struct site_access access = before->access;
	access.tls = tls;
	struct site *s = site_new(before->key, before->queue, before->provider, &access);
	s->worker = worker;
	site_succeed(s, before);
	site_drop(before);
	return s;
}

static void what_hosts_did_passes_on_to_a_successor(void **state)
{
	(void)state;
	static const struct host_case hosts[] = {{"a", 10}, {"b", 20}};
	struct site *first = site_with(answer_of(hosts, 2));
	struct mx_answer *answer = mx_answer_hold(first->answer);
	site_host_named(first, STR("a"))->down_until_ms = 2000;
	site_mark(first, STR("b"), SITE_MARK_PLAIN, 9000);
	/* The one in between never got a job. */
	enum tls_mode tls = first->access.tls;
	struct site *between = successor_of(first, 0, tls);
	struct site *last = successor_of(between, 0, tls);
	assert_null(site_host_named(last, STR("a")));
	site_refresh(last, answer);
	assert_true(site_host_named(last, STR("a"))->down_until_ms > 1000);
	assert_true(site_is_marked(last, STR("b"), SITE_MARK_PLAIN, 1000));
	assert_null(last->before);
	/* Another worker may not look at what is not its own; marks are for both. */
	site_hold(last);
	struct site *elsewhere = successor_of(last, 1, tls);
	site_refresh(elsewhere, answer);
	assert_int_equal(site_host_named(elsewhere, STR("a"))->down_until_ms, 0);
	assert_true(site_is_marked(elsewhere, STR("b"), SITE_MARK_PLAIN, 1000));
	site_mark(last, STR("a"), SITE_MARK_IN_TURN, 9000);
	assert_true(site_is_marked(elsewhere, STR("a"), SITE_MARK_IN_TURN, 1000));
	site_drop(last);
	site_drop(elsewhere);
	mx_answer_drop(answer);
}

static void what_failed_with_another_access_is_forgotten(void **state)
{
	(void)state;
	static const struct host_case hosts[] = {{"a", 10}};
	struct site *first = site_with(answer_of(hosts, 1));
	struct mx_answer *answer = mx_answer_hold(first->answer);
	site_host_named(first, STR("a"))->down_until_ms = 2000;
	site_mark(first, STR("a"), SITE_MARK_PLAIN, 9000);
	first->access.tls = TLS_VERIFIED;
	struct site *next = successor_of(first, 0, TLS_OPPORTUNISTIC);
	site_refresh(next, answer);
	assert_int_equal(site_host_named(next, STR("a"))->down_until_ms, 0);
	assert_false(site_is_marked(next, STR("a"), SITE_MARK_PLAIN, 1000));
	site_drop(next);
	mx_answer_drop(answer);
}

static void the_stricter_tls_counts_but_for_an_operators(void **state)
{
	(void)state;
	static const struct {
		bool is_stated, is_operators;
		enum route_tls profile;
		enum tls_mode setting, want;
	} cases[] = {
		{false, false, ROUTE_TLS_OPPORTUNISTIC, TLS_NONE, TLS_NONE},
		{false, false, ROUTE_TLS_OPPORTUNISTIC, TLS_VERIFIED, TLS_VERIFIED},
		{true, false, ROUTE_TLS_REQUIRED, TLS_NONE, TLS_REQUIRED},
		{true, false, ROUTE_TLS_REQUIRED, TLS_OPPORTUNISTIC, TLS_REQUIRED},
		{true, false, ROUTE_TLS_REQUIRED, TLS_VERIFIED, TLS_VERIFIED},
		{true, true, ROUTE_TLS_REQUIRED, TLS_VERIFIED, TLS_REQUIRED},
		{true, true, ROUTE_TLS_NONE, TLS_VERIFIED, TLS_NONE},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct provider p = {.tls = {.is_stated = cases[i].is_stated,
						   .is_operators = cases[i].is_operators,
						   .mode = cases[i].profile}};
		const struct site_access usual = {.port = 2525, .tls = cases[i].setting};
		struct site_access access = site_access_of_provider(&p, &usual);
		assert_int_equal(access.tls, cases[i].want);
		assert_int_equal(access.port, 2525);
		access = site_access_of_provider(NULL, &usual);
		assert_int_equal(access.tls, cases[i].setting);
	}
}

static void a_site_fits_the_route_it_was_made_of(void **state)
{
	(void)state;
	static const struct route made_of = {.domain = STR_INIT("*"),
					     .host = STR_INIT("relay.test"),
					     .port = 587,
					     .tls = ROUTE_TLS_VERIFIED,
					     .auth_user = STR_INIT("edm"),
					     .sealed_password = STR_INIT("x1")};
	struct route others[] = {made_of, made_of, made_of, made_of, made_of};
	others[0].host = STR("other.test");
	others[1].port = 25;
	others[2].tls = ROUTE_TLS_NONE;
	others[3].auth_user = STR("li");
	others[4].sealed_password = STR("x2");
	struct site_access access = site_access_of(&made_of);
	access.password = STR("secret");
	struct site *s = site_new(STR("relay.test:587"), STR("relay.test:587"), STR(""), &access);
	s->is_routed = true;
	assert_true(site_fits(s, &made_of));
	assert_false(site_fits(s, NULL));
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		assert_false(site_fits(s, &others[i]));
	s->is_routed = false;
	assert_true(site_fits(s, NULL));
	assert_false(site_fits(s, &made_of));
	site_drop(s);
}

static void sites_are_alike_but_for_their_hosts(void **state)
{
	(void)state;
	static const struct site_access plain = {.port = 25, .tls = TLS_NONE};
	static const struct site_access others[] = {
		{.port = 26, .tls = TLS_NONE},
		{.port = 25, .tls = TLS_REQUIRED},
		{.port = 25, .tls = TLS_NONE, .user = STR_INIT("u")},
		{.port = 25, .tls = TLS_NONE, .password = STR_INIT("p")},
	};
	struct site *one = site_new(STR("a,b"), STR("a"), STR("p"), &plain);
	struct site *same = site_new(STR("a,b"), STR("a"), STR("p"), &plain);
	assert_true(site_is_like(one, same));
	same->takes_verp = true;
	assert_false(site_is_like(one, same));
	site_drop(same);
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		struct site *other = site_new(STR("a,b"), STR("a"), STR("p"), &others[i]);
		assert_false(site_is_like(one, other));
		site_drop(other);
	}
	struct site *moved = site_new(STR("a,b"), STR("a"), STR(""), &plain);
	assert_false(site_is_like(one, moved));
	site_drop(moved);
	site_drop(one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_hosts_did_passes_on_to_a_successor),
		cmocka_unit_test(what_failed_with_another_access_is_forgotten),
		cmocka_unit_test(a_site_fits_the_route_it_was_made_of),
		cmocka_unit_test(the_stricter_tls_counts_but_for_an_operators),
		cmocka_unit_test(sites_are_alike_but_for_their_hosts),
		cmocka_unit_test(hosts_go_by_preference_and_those_down_are_left_out),
		cmocka_unit_test(equals_share_the_connections),
		cmocka_unit_test(failures_double_the_wait_and_a_greeting_ends_it),
		cmocka_unit_test(a_probe_is_one_connection),
		cmocka_unit_test(a_site_is_dead_while_no_host_has_greeted_since_it_failed),
		cmocka_unit_test(marks_follow_the_name_through_a_refresh),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
