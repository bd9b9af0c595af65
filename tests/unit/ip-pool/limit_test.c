/* SPDX-License-Identifier: MIT */
/* Limits: what may be typed, what is refused, what is in force. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "ip-pool/limit.h"

static void settings_are_parsed(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int want;
		const char *want_text;
	} cases[] = {
		{"connections=20", 0, "connections=20"},
		{"rate=100/min", 0, "rate=100/min"},
		{"rate=5/s", 0, "rate=5/s"},
		{"rate=1000/hour", 0, "rate=1000/h"},
		{"rate=7/d", 0, "rate=7/day"},
		{"new-connections=30/min", 0, "new-connections=30/min"},
		{"messages-per-connection=8", 0, "messages-per-connection=8"},
		{"connections=0", -1, ""},
		{"connections=-1", -1, ""},
		{"connections=5x", -1, ""},
		{"connections=9999999999", -1, ""},
		{"rate=5", -1, ""},
		{"rate=/min", -1, ""},
		{"rate=5/fortnight", -1, ""},
		{"speed=5/s", -1, ""},
		{"", -1, ""},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct limit_values v;
		struct err err;
		struct buf text;
		buf_init(&text, 200);
		limit_values_init(&v);
		assert_int_equal(limit_values_parse(&v, str_from(cases[i].text), &err),
				 cases[i].want);
		limit_values_render(&v, &text);
		assert_true(str_equals(buf_str(&text), str_from(cases[i].want_text)));
		assert_int_equal(limit_values_are_empty(&v), cases[i].want != 0);
		buf_done(&text);
	}
}

/* Of two numbers for the same thing one would be lost. */
static void a_number_is_said_once(void **state)
{
	(void)state;
	static const char *const twice[][2] = {
		{"connections=5", "connections=6"},
		{"rate=5/min", "rate=5/m"},
		{"new-connections=1/h", "new-connections=2/hour"},
		{"messages-per-connection=8", "messages-per-connection=8"},
	};
	for (size_t i = 0; i < ARRAY_LEN(twice); i++) {
		struct limit_values v;
		struct err err;
		limit_values_init(&v);
		assert_int_equal(limit_values_parse(&v, str_from(twice[i][0]), &err), 0);
		assert_int_equal(limit_values_parse(&v, str_from("rate=9/s"), &err), 0);
		assert_int_equal(limit_values_parse(&v, str_from(twice[i][1]), &err), -1);
		assert_int_equal(err.kind, ERR_USAGE);
		assert_non_null(strstr(err.text, twice[i][1]));
		assert_non_null(strstr(err.text, "say it once"));
	}
}

static void durations_are_parsed(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t want_ms;
	} cases[] = {
		{"90s", 90000},	   {"5min", 300000}, {"5m", 300000}, {"2h", 7200000},
		{"7d", 604800000}, {"2", -1},	     {"h", -1},	     {"0h", -1},
		{"-1h", -1},	   {"2 h", -1},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t ms = -1;
		struct err err;
		int status = limit_parse_duration(str_from(cases[i].text), &ms, &err);
		assert_int_equal(status, cases[i].want_ms < 0 ? -1 : 0);
		assert_true(ms == cases[i].want_ms);
	}
}

static struct limit_rule rule(const char *provider, const char *source, const char *setting)
{
	static int64_t id;
	struct limit_rule r = {.id = ++id,
			       .provider = str_from(provider),
			       .source = str_from(source),
			       .until_ms = LIMIT_FOREVER};
	struct err err;
	limit_values_init(&r.values);
	assert_int_equal(limit_values_parse(&r.values, str_from(setting), &err), 0);
	return r;
}

static void a_fraction_is_told_to_be_none(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"rate=2.5/min",
		 "\"rate=2.5/min\": a limit is a whole number; what lies between is one "
		 "of a longer period, as 150/h for 2.5/min"},
		{"connections=2,5", "\"connections=2,5\": a limit is a whole number"},
		{"connections=0.5", "\"connections=0.5\": a limit is a whole number"},
		{"connections=0",
		 "\"connections=0\": the number must be from 1 to 1000000000; to stop "
		 "mail use edm pause"},
		{"connections=.",
		 "\"connections=.\": the number must be from 1 to 1000000000; to stop "
		 "mail use edm pause"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct limit_values v;
		struct err err;
		limit_values_init(&v);
		assert_int_equal(limit_values_parse(&v, str_from(cases[i].text), &err), -1);
		assert_string_equal(err.text, cases[i].want);
	}
}

static void rules_that_cannot_work_are_refused(void **state)
{
	(void)state;
	struct err err;
	struct limit_rule r = rule("qq", "", "connections=5");
	assert_int_equal(limit_rule_check(&r, &err), 0);
	r.is_total = true;
	assert_int_equal(limit_rule_check(&r, &err), 0);
	assert_int_equal(limit_rule_level(&r), LEVEL_PROVIDER);
	r.source = STR("mx1");
	assert_int_equal(limit_rule_check(&r, &err), -1);
	r = rule("", "", "connections=5");
	assert_int_equal(limit_rule_level(&r), LEVEL_NODE);
	r.campaign = 4;
	assert_int_equal(limit_rule_check(&r, &err), 0);
	r = rule("", "", "new-connections=5/min");
	r.campaign = 4;
	assert_int_equal(limit_rule_check(&r, &err), -1);
	r = rule("", "", "rate=5/s");
	r.campaign = 4;
	assert_int_equal(limit_rule_check(&r, &err), 0);
	r.provider = STR("qq");
	assert_int_equal(limit_rule_check(&r, &err), -1);
	r = rule("", "mx1", "messages-per-connection=5");
	assert_int_equal(limit_rule_check(&r, &err), -1);
	limit_values_init(&r.values);
	assert_int_equal(limit_rule_check(&r, &err), -1);
	assert_int_equal(err.kind, ERR_USAGE);
}

static const struct limit_scope qq_mx1 = {
	.level = LEVEL_LANE, .provider = STR_INIT("qq"), .source = STR_INIT("mx1")};
static const struct limit_scope tail_mx1 = {
	.level = LEVEL_LANE, .site = STR_INIT("mx.a.org"), .source = STR_INIT("mx1")};

static int64_t connections_of(const struct limit_rule *rules, size_t count,
			      const struct limit_scope *scope, int64_t now)
{
	static const struct limit_values profile = {
		4,
		8,
		{LIMIT_NONE, LIMIT_NONE, LIMIT_NONE, LIMIT_NONE},
		{LIMIT_NONE, LIMIT_NONE, LIMIT_NONE, LIMIT_NONE}};
	struct limit_rules all = {rules, count};
	struct caps caps;
	limit_resolve(&all, scope, str_is_empty(scope->provider) ? NULL : &profile, now, &caps);
	return caps.connections.count;
}

static void the_right_number_is_in_force(void **state)
{
	(void)state;
	struct limit_rule rules[] = {
		rule("qq", "", "connections=9"),       rule("qq", "mx1", "connections=7"),
		rule("qq", "mx2", "connections=1"),    rule("tail", "", "connections=3"),
		rule("mx.a.org", "", "connections=2"), rule("", "mx1", "connections=50"),
	};
	assert_int_equal(connections_of(rules, 0, &qq_mx1, 0), 4);
	assert_int_equal(connections_of(rules, 1, &qq_mx1, 0), 9); /* above the profile */
	assert_int_equal(connections_of(rules, 6, &qq_mx1, 0), 7);
	assert_int_equal(connections_of(rules, 3, &tail_mx1, 0), LIMIT_DEFAULT_CONNECTIONS);
	assert_int_equal(connections_of(rules, 4, &tail_mx1, 0), 3);
	assert_int_equal(connections_of(rules, 6, &tail_mx1, 0), 2);
}

static void a_rule_for_a_while_stands_over_the_lasting_one(void **state)
{
	(void)state;
	struct limit_rule rules[] = {
		rule("qq", "", "connections=5"),
		rule("qq", "", "connections=8"),
		rule("qq", "mx1", "connections=6"),
	};
	rules[1].until_ms = 1000;
	assert_int_equal(connections_of(rules, 2, &qq_mx1, 999), 8);
	assert_int_equal(connections_of(rules, 2, &qq_mx1, 1000), 5);
	assert_int_equal(connections_of(rules, 3, &qq_mx1, 999), 6);
	assert_int_equal(connections_of(rules, 3, &qq_mx1, 1000), 5);
	struct limit_rules all = {rules, 3};
	struct caps caps;
	limit_resolve(&all, &qq_mx1, NULL, 0, &caps);
	assert_true(caps.next_change_ms == 1000);
}

/* What a process might have open when it was killed goes by the limits of then. */
static void the_most_connections_are_those_of_the_time(void **state)
{
	(void)state;
	static const struct limit_scope lane = {
		.level = LEVEL_LANE, .provider = STR_INIT("qq"), .source = STR_INIT("mx1")};
	static const struct limit_scope campaign = {.level = LEVEL_CAMPAIGN, .campaign = 7};
	struct limit_past items[4];
	static const struct {
		int64_t connections, set_ms, until_ms, campaign;
	} rules[] = {
		{50, 1000, 2000, 0},
		{3, 2000, LIMIT_FOREVER, 0},
		{200, 5000, 6000, 0},
		{9, 4000, LIMIT_FOREVER, 7},
	};
	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		items[i].rule = (struct limit_rule){.id = (int64_t)i + 1,
						    .campaign = rules[i].campaign,
						    .provider = STR("qq"),
						    .until_ms = rules[i].until_ms};
		if (rules[i].campaign != 0)
			items[i].rule.provider = STR("");
		limit_values_init(&items[i].rule.values);
		items[i].rule.values.connections = rules[i].connections;
		items[i].set_ms = rules[i].set_ms;
	}
	const struct limit_history all = {.items = items, .count = ARRAY_LEN(items)};
	static const struct {
		int64_t from_ms, to_ms, want;
	} cases[] = {
		{0, 999, LIMIT_DEFAULT_CONNECTIONS},
		{0, 1500, 50},
		{1500, 2500, 50},
		{2000, 4999, 3},
		{2500, 5000, 200},
		{5999, 9000, 200},
		{6000, 9000, 3},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_true(limit_most_connections(&all, &lane, NULL, cases[i].from_ms,
						   cases[i].to_ms) == cases[i].want);
	assert_true(limit_most_connections(&all, &campaign, NULL, 3999, 9000) == LIMIT_NONE);
	assert_true(limit_most_connections(&all, &campaign, NULL, 4000, 9000) == 9);
}

/* A profile that was lowered before a kill still says what the process had. */
static void the_most_connections_know_the_profile_of_the_time(void **state)
{
	(void)state;
	static const struct limit_past_profile profiles[] = {
		{STR_INIT("qq"), 30, 2000},
		{STR_INIT("gmail"), 90, 3000},
		{STR_INIT("qq"), LIMIT_NONE, 4000},
		{STR_INIT("qq"), 8, 6000},
	};
	static const struct limit_values now = {4,
						8,
						{LIMIT_NONE, LIMIT_NONE, LIMIT_NONE, LIMIT_NONE},
						{LIMIT_NONE, LIMIT_NONE, LIMIT_NONE, LIMIT_NONE}};
	const struct limit_history all = {.profiles = profiles,
					  .profile_count = ARRAY_LEN(profiles)};
	static const struct {
		int64_t from_ms, to_ms, want;
	} cases[] = {
		{0, 1999, 30},	 {0, 9000, 30},	  {2000, 3000, LIMIT_DEFAULT_CONNECTIONS},
		{4000, 9000, 8}, {5999, 9000, 8}, {6000, 9000, 4},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(limit_most_connections(&all, &qq_mx1, &now, cases[i].from_ms,
							cases[i].to_ms),
				 cases[i].want);
	assert_int_equal(limit_most_connections(&all, &tail_mx1, NULL, 0, 9000),
			 LIMIT_DEFAULT_CONNECTIONS);
}

/* What may be ahead of the database is as the loosest limit of the time allowed. */
static void new_connections_ahead_go_by_the_loosest_of_the_time(void **state)
{
	(void)state;
	static const struct limit_scope node = {.level = LEVEL_NODE, .node = STR_INIT("n1")};
	struct limit_past items[2];
	static const struct {
		const char *setting;
		int64_t set_ms, until_ms;
	} rules[] = {
		{"new-connections=5120/h", 0, 2000},
		{"new-connections=1000/h", 2000, LIMIT_FOREVER},
	};
	for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
		items[i].rule = rule("", "", rules[i].setting);
		items[i].rule.id = (int64_t)i + 1;
		items[i].rule.node = STR("n1");
		items[i].rule.until_ms = rules[i].until_ms;
		items[i].set_ms = rules[i].set_ms;
	}
	const struct limit_history all = {.items = items, .count = ARRAY_LEN(items)};
	static const struct {
		int64_t from_ms, to_ms, want_cap, want_ahead;
	} cases[] = {
		{2000, 9000, 1000, 3},
		{1999, 9000, 5120, 20},
		{-1, 9000, LIMIT_NONE, LIMIT_CONNECTS_AHEAD}, /* before there was any */
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct caps most = limit_most(&all, &node, NULL, cases[i].from_ms, cases[i].to_ms);
		assert_true(most.new_connections[LIMIT_HOUR].count == cases[i].want_cap);
		assert_true(limit_connects_ahead(&most, LEVEL_NODE) == cases[i].want_ahead);
	}
}

/* A kill uses up an eighth of a limit, where lanes are not too many and it is not too small. */
static void a_limit_bounds_what_is_ahead_of_the_database(void **state)
{
	(void)state;
	static const struct {
		enum limit_level level;
		int64_t second, hour, day, lanes, want;
	} cases[] = {
		{LEVEL_LANE, LIMIT_NONE, LIMIT_NONE, LIMIT_NONE, 1, LIMIT_CONNECTS_AHEAD},
		{LEVEL_LANE, 1, LIMIT_NONE, LIMIT_NONE, 1, LIMIT_CONNECTS_AHEAD},
		{LEVEL_LANE, LIMIT_NONE, LIMIT_NONE, 50, 1, 6},
		{LEVEL_LANE, LIMIT_NONE, 24, 800, 1, 3},
		{LEVEL_LANE, LIMIT_NONE, 1, LIMIT_NONE, 1, 1},
		{LEVEL_SOURCE, LIMIT_NONE, 1000, LIMIT_NONE, 8, 15},
		{LEVEL_PROVIDER, LIMIT_NONE, LIMIT_NONE, 640, 8, 10},
		{LEVEL_NODE, LIMIT_NONE, 1000, LIMIT_NONE, 32, 3},
		{LEVEL_NODE, LIMIT_NONE, 1000000, LIMIT_NONE, 32, LIMIT_CONNECTS_AHEAD},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct caps caps;
		caps_init(&caps);
		caps.new_connections[LIMIT_SECOND].count = cases[i].second;
		caps.new_connections[LIMIT_HOUR].count = cases[i].hour;
		caps.new_connections[LIMIT_DAY].count = cases[i].day;
		int64_t ahead = limit_connects_ahead(&caps, cases[i].level);
		assert_true(ahead == cases[i].want);
		if (cases[i].hour > 8)
			assert_true(ahead * cases[i].lanes * 8 <= cases[i].hour);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_most_connections_are_those_of_the_time),
		cmocka_unit_test(the_most_connections_know_the_profile_of_the_time),
		cmocka_unit_test(new_connections_ahead_go_by_the_loosest_of_the_time),
		cmocka_unit_test(a_limit_bounds_what_is_ahead_of_the_database),
		cmocka_unit_test(settings_are_parsed),
		cmocka_unit_test(a_number_is_said_once),
		cmocka_unit_test(durations_are_parsed),
		cmocka_unit_test(a_fraction_is_told_to_be_none),
		cmocka_unit_test(rules_that_cannot_work_are_refused),
		cmocka_unit_test(the_right_number_is_in_force),
		cmocka_unit_test(a_rule_for_a_while_stands_over_the_lasting_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
