/* SPDX-License-Identifier: MIT */
/* The table of settings against the manual, its defaults, and the rules between keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "engine/base/log.h"
#include "schemas/embedded.h"
#include "scheduler/settings.h"

static const char *const names_of_scope[] = {[CONF_NODE] = "node", [CONF_SHARED] = "shared"};

/* The row of the manual's table that says the same as key. */
static void expect_row(struct buf *row, const struct conf_key *key)
{
	buf_clear(row);
	buf_appendf(row, "| `%s` | %s%s%s | ", key->name, key->preset[0] != '\0' ? "`" : "",
		    key->preset, key->preset[0] != '\0' ? "`" : "");
	if (key->type != CONF_STRING)
		conf_allowed(key, row);
	else
		buf_append_cstr(row, "text");
	buf_appendf(row, " | %s | %s | %s |\n", names_of_scope[key->scope],
		    key->is_reloadable ? "at once" : "at start", key->help);
}

static void the_manual_says_the_same(void **state)
{
	(void)state;
	const struct embedded_file *page = embedded_find("scheduler/cli/help/settings.md");
	assert_non_null(page);
	struct buf row;
	buf_init(&row, 4096);
	for (size_t i = 0; i < SETTING_COUNT; i++) {
		expect_row(&row, &settings_table[i]);
		if (strstr(page->data, row.data) == NULL)
			fail_msg("settings.md lacks: %s", row.data);
	}
	buf_done(&row);
	size_t rows = 0;
	for (const char *at = page->data; (at = strstr(at, "\n| `")) != NULL; at++)
		rows++;
	assert_int_equal(rows, SETTING_COUNT);
}

static void defaults_hold_together(void **state)
{
	(void)state;
	struct conf *c = settings_new();
	struct err err;
	assert_int_equal(settings_check(c, &err), 0);
	assert_int_equal(conf_number(c, SETTING_SMTP_PORT), 25);
	assert_int_equal(conf_number(c, SETTING_LEDGER_LEASE_MS), 10000);
	assert_int_equal(conf_number(c, SETTING_LOG_LEVEL), LOG_INFO);
	assert_int_equal(conf_number(c, SETTING_TIMEOUT_DOT), 600000);
	conf_drop(c);
}

static void log_levels_are_numbered_alike(void **state)
{
	(void)state;
	struct str rest = str_from(settings_table[SETTING_LOG_LEVEL].choices);
	for (int i = LOG_ERROR; i <= LOG_WIRE; i++) {
		enum log_level level;
		assert_int_equal(log_level_parse(str_take_until(&rest, '|'), &level), 0);
		assert_int_equal(level, i);
	}
	assert_int_equal(rest.len, 0);
}

static void rules_between_keys(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		const char *want_error;
	} cases[] = {
		{"ledger.beat_ms=3s", ""},
		{"ledger.beat_ms=4s",
		 "ledger.beat_ms = 4s (--set) is above a third of ledger.lease_ms = 10s (default): "
		 "a lease must outlive two lost beats"},
		{"ledger.margin_ms=6s",
		 "ledger.margin_ms = 6s (--set) is above half of ledger.lease_ms = 10s (default): "
		 "nothing would be left of a lease to send in"},
		{"budget.sessions=5461", ""},
		{"budget.sessions=5462",
		 "budget.sessions = 5462 (--set) is above two thirds of ledger.max_open = 8192 "
		 "(default): connections would wait for people that may be under way"},
		{"dns.ttl_max_ms=1s",
		 "dns.ttl_min_ms = 30s (default) is above dns.ttl_max_ms = 1s (--set): "
		 "the least is above the most"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct conf *c = settings_new();
		struct err err = {0};
		assert_int_equal(conf_set_argument(c, cases[i].text, &err), 0);
		int want = cases[i].want_error[0] == '\0' ? 0 : -1;
		assert_int_equal(settings_check(c, &err), want);
		assert_string_equal(err.text, cases[i].want_error);
		conf_drop(c);
	}
}

static void texts_with_a_grammar(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int want;
	} cases[] = {
		{"retry.schedule=1s", 0},
		{"retry.schedule=100ms, 5min ,2h", 0},
		{"retry.schedule=", -1},
		{"retry.schedule=5min,soon", -1},
		{"retry.schedule=5min,0", -1},
		{"retry.schedule=1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1", -1},
		{"dns.servers=127.0.0.1:5353,[::1]:53", 0},
		{"dns.servers=localhost", -1},
		{"dns.allow=127.0.0.0/8,::1", 0},
		{"dns.allow=127.0.0.0/40", -1},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct conf *c = settings_new();
		struct err err = {0};
		assert_int_equal(conf_set_argument(c, cases[i].text, &err), cases[i].want);
		conf_drop(c);
	}
	int64_t waits_ms[SETTINGS_RETRY_MAX];
	struct err err;
	assert_int_equal(settings_parse_schedule(STR("90s, 2h"), waits_ms, &err), 2);
	assert_int_equal(waits_ms[0], 90000);
	assert_int_equal(waits_ms[1], 7200000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_manual_says_the_same),
		cmocka_unit_test(defaults_hold_together),
		cmocka_unit_test(log_levels_are_numbered_alike),
		cmocka_unit_test(rules_between_keys),
		cmocka_unit_test(texts_with_a_grammar),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
