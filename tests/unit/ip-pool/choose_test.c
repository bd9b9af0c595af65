/* SPDX-License-Identifier: MIT */
/* Picking a source, pools, pauses, routes, and the fields of a source. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "ip-pool/choose.h"
#include "ip-pool/pause.h"
#include "ip-pool/pool.h"
#include "ip-pool/route.h"

static void shares_follow_the_weights(void **state)
{
	(void)state;
	struct choose_candidate c[] = {{.source = 1, .weight = 1, .is_usable = true},
				       {.source = 2, .weight = 3, .is_usable = true},
				       {.source = 3, .weight = 4, .is_usable = false}};
	int used[3] = {0};
	for (int i = 0; i < 400; i++) {
		struct choice choice = choose_source(c, 3, 0, 0, 100);
		choose_use(c, 3, choice.index);
		used[choice.index]++;
	}
	assert_int_equal(used[0], 100);
	assert_int_equal(used[1], 300);
	assert_int_equal(used[2], 0);
	/* One that was away does not catch up on everything. */
	c[2].is_usable = true;
	int late = 0;
	for (int i = 0; i < 80; i++) {
		struct choice choice = choose_source(c, 3, 0, 0, 100);
		choose_use(c, 3, choice.index);
		late += choice.index == 2;
	}
	assert_in_range(late, 40, 48);
}

static void those_with_a_permit_go_first(void **state)
{
	(void)state;
	struct choose_candidate c[] = {
		{.source = 1, .weight = 1, .is_usable = true, .ready_at_ms = 500},
		{.source = 2, .weight = 1, .is_usable = true, .ready_at_ms = 100, .turn = 9999999}};
	assert_int_equal(choose_source(c, 2, 0, 0, 100).index, 1);
	struct choice wait = choose_source(c, 2, 0, 0, 99);
	assert_true(wait.index == CHOOSE_NOBODY);
	assert_int_equal(wait.first, 1);
	assert_int_equal(wait.at_ms, 100);
	c[0].is_usable = c[1].is_usable = false;
	assert_true(choose_source(c, 2, 0, 0, 100).first == CHOOSE_NOBODY);
	assert_true(choose_source(c, 0, 0, 0, 100).first == CHOOSE_NOBODY);
}

static void a_preferred_source_is_waited_for(void **state)
{
	(void)state;
	struct choose_candidate c[] = {
		{.source = 1, .weight = 1, .is_usable = true, .ready_at_ms = 0},
		{.source = 2, .weight = 1, .is_usable = true, .ready_at_ms = 700}};
	struct choice wait = choose_source(c, 2, 2, 1000, 100);
	assert_true(wait.index == CHOOSE_NOBODY);
	assert_int_equal(wait.first, 1);
	assert_int_equal(wait.at_ms, 700);
	assert_int_equal(choose_source(c, 2, 2, 1000, 700).index, 1);
	/* Not for ever, and not when it cannot go at all. */
	assert_int_equal(choose_source(c, 2, 2, 100, 100).index, 0);
	c[1].is_usable = false;
	assert_int_equal(choose_source(c, 2, 2, 1000, 100).index, 0);
}

static void pools_hold_usable_sources(void **state)
{
	(void)state;
	const struct source sources[] = {
		{.id = 1, .pool = STR("default"), .state = SOURCE_ACTIVE},
		{.id = 2, .pool = STR("default"), .state = SOURCE_DRAINING},
		{.id = 3, .pool = STR("bulk"), .state = SOURCE_ACTIVE},
		{.id = 4, .pool = STR("default"), .state = SOURCE_ACTIVE, .node = STR("n2")},
		{.id = 5, .pool = STR("old"), .state = SOURCE_REMOVED},
	};
	const struct source *out[5];
	assert_int_equal(pool_sources(sources, 5, STR(""), STR("n1"), out), 1);
	assert_int_equal(out[0]->id, 1);
	assert_int_equal(pool_sources(sources, 5, STR("default"), STR(""), out), 2);
	assert_int_equal(pool_sources(sources, 5, STR("bulk"), STR("n1"), out), 1);
	assert_true(pool_exists(sources, 5, STR("")));
	assert_false(pool_exists(sources, 5, STR("old")));
}

static void sources_are_checked(void **state)
{
	(void)state;
	struct err err;
	static const struct {
		const char *name, *address, *ehlo, *public_address, *pool;
		int weight;
		int want;
	} cases[] = {
		{"mx1", "192.0.2.1", "mx1.example.com", "", "default", 1, 0},
		{"mx1", "2001:db8::1", "mx1.example.com", "198.51.100.1", "b-2", 1000, 0},
		{"", "192.0.2.1", "mx1.example.com", "", "", 1, -1},
		{"MX1", "192.0.2.1", "mx1.example.com", "", "", 1, -1},
		{"mx/1", "192.0.2.1", "mx1.example.com", "", "", 1, -1},
		{"mx1", "192.0.2.256", "mx1.example.com", "", "", 1, -1},
		{"mx1", "example.com", "mx1.example.com", "", "", 1, -1},
		{"mx1", "192.0.2.1", "mx1", "", "", 1, -1},
		{"mx1", "192.0.2.1", "mx1.example.com.", "", "", 1, -1},
		{"mx1", "192.0.2.1", "mx1..example.com", "", "", 1, -1},
		{"mx1", "192.0.2.1", "mx1.example.com\r\nX", "", "", 1, -1},
		{"mx1", "192.0.2.1", "mx1.example.com", "nowhere", "", 1, -1},
		{"mx1", "192.0.2.1", "mx1.example.com", "", "a b", 1, -1},
		{"mx1", "192.0.2.1", "mx1.example.com", "", "", 0, -1},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct source s = {.name = str_from(cases[i].name),
				   .address = str_from(cases[i].address),
				   .ehlo = str_from(cases[i].ehlo),
				   .public_address = str_from(cases[i].public_address),
				   .pool = str_from(cases[i].pool),
				   .weight = cases[i].weight};
		assert_int_equal(source_check(&s, &err), cases[i].want);
	}
}

static void pauses_stop_what_they_name(void **state)
{
	(void)state;
	static const struct limit_scope qq = {
		.level = LEVEL_LANE, .provider = STR_INIT("qq"), .source = STR_INIT("mx1")};
	static const struct limit_scope site = {
		.level = LEVEL_LANE, .site = STR_INIT("mx.a.org"), .source = STR_INIT("mx1")};
	const struct {
		struct pause pause;
		bool want_qq, want_site;
	} cases[] = {
		{{.until_ms = 10}, true, true},
		{{.provider = STR("qq"), .until_ms = 10}, true, false},
		{{.provider = STR("tail"), .until_ms = 10}, false, true},
		{{.provider = STR("MX.a.org"), .until_ms = 10}, false, true},
		{{.source = STR("mx1"), .until_ms = 10}, true, true},
		{{.source = STR("mx2"), .until_ms = 10}, false, false},
		{{.provider = STR("qq"), .source = STR("mx1"), .until_ms = 10}, true, false},
		{{.provider = STR("qq"), .until_ms = 5}, false, false}, /* over */
		{{.campaign = 3, .until_ms = 10}, false, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(pause_of_lane(&cases[i].pause, 1, &qq, 5) != NULL,
				 cases[i].want_qq);
		assert_int_equal(pause_of_lane(&cases[i].pause, 1, &site, 5) != NULL,
				 cases[i].want_site);
	}
	const struct pause campaign = {.campaign = 3, .provider = STR("qq"), .until_ms = 10};
	assert_non_null(pause_of_campaign(&campaign, 1, 3, &qq, 5));
	assert_null(pause_of_campaign(&campaign, 1, 3, &site, 5));
	assert_null(pause_of_campaign(&campaign, 1, 3, NULL, 5));
	assert_null(pause_of_campaign(&campaign, 1, 4, &qq, 5));
}

/* The host of a route names its site, whatever the port. */
static void a_routed_site_is_named_by_its_host(void **state)
{
	(void)state;
	static const struct {
		const char *name, *site;
		bool want;
	} cases[] = {
		{"127.77.1.1", "127.77.1.1:26025", true},
		{"127.77.1.1:26025", "127.77.1.1:26025", true},
		{"Relay.Example.com", "relay.example.com:587", true},
		{"2001:db8::1", "2001:db8::1:587", true},
		{"mx.a.org", "mx.a.org", true},
		{"tail", "127.77.1.1:26025", true},
		{"127.77.1.1:2602", "127.77.1.1:26025", false},
		{"127.77.1.1:25", "127.77.1.1:26025", false},
		{"127.77.1", "127.77.1.1", false},
		{"127.77.1.", "127.77.1.1", false},
		{"127.77.1.2", "127.77.1.1:26025", false},
	};
	const struct route routes[] = {{.host = STR("relay.example.com"), .port = 587},
				       {.host = STR("2001:db8::1"), .port = 25}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct limit_scope scope = {.level = LEVEL_LANE, .site = str_from(cases[i].site)};
		struct pause pause = {.provider = str_from(cases[i].name), .until_ms = 10};
		struct limit_rule rule = {.provider = str_from(cases[i].name)};
		assert_int_equal(pause_stops_lane(&pause, &scope), cases[i].want);
		assert_int_equal(limit_rule_matches(&rule, &scope), cases[i].want);
	}
	assert_true(route_leads_to(routes, 2, STR("Relay.example.com")));
	assert_true(route_leads_to(routes, 2, STR("relay.example.com:587")));
	assert_true(route_leads_to(routes, 2, STR("2001:db8::1")));
	assert_false(route_leads_to(routes, 2, STR("relay.example.com:58")));
	assert_false(route_leads_to(routes, 2, STR("relay.example")));
}

static void route_targets_are_parsed(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		const char *want_host; /* NULL: refused */
		int want_port;
	} cases[] = {
		{"smtp.example.com:25", "smtp.example.com", 25},
		{"127.0.0.1:2525", "127.0.0.1", 2525},
		{"[2001:db8::1]:587", "2001:db8::1", 587},
		{"smtp.example.com", NULL, 0},
		{"smtp.example.com:", NULL, 0},
		{"smtp.example.com:0", NULL, 0},
		{"smtp.example.com:65536", NULL, 0},
		{":25", NULL, 0},
		{"[]:25", NULL, 0},
		{"[2001:db8::1]", NULL, 0},
		{"2001:db8::1:25", NULL, 0},
		{"", NULL, 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str host;
		uint16_t port;
		struct err err;
		int status = route_parse_target(str_from(cases[i].text), &host, &port, &err);
		assert_int_equal(status, cases[i].want_host != NULL ? 0 : -1);
		if (status != 0)
			continue;
		assert_true(str_equals(host, str_from(cases[i].want_host)));
		assert_int_equal(port, cases[i].want_port);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shares_follow_the_weights),
		cmocka_unit_test(those_with_a_permit_go_first),
		cmocka_unit_test(a_preferred_source_is_waited_for),
		cmocka_unit_test(pools_hold_usable_sources),
		cmocka_unit_test(sources_are_checked),
		cmocka_unit_test(pauses_stop_what_they_name),
		cmocka_unit_test(a_routed_site_is_named_by_its_host),
		cmocka_unit_test(route_targets_are_parsed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
