/* SPDX-License-Identifier: MIT */
/* Configuration: types and ranges, which origin wins, errors that help, reload. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#include "engine/base/conf.h"

static int must_be_even(struct str value, struct err *err)
{
	if ((value.ptr[value.len - 1] - '0') % 2 == 0)
		return 0;
	return err_set(err, ERR_CONFIG, "is odd");
}

enum { FLAG, PORT, WAIT, BUDGET, NAME, MODE, EVEN };

static const struct conf_key keys[] = {
	[FLAG] = {"flag", CONF_BOOL, "on", 0, 0, NULL, CONF_NODE, true, "A flag.", NULL},
	[PORT] = {"port", CONF_INT, "25", 1, 65535, NULL, CONF_NODE, false, "A port.", NULL},
	[WAIT] = {"wait_ms", CONF_DURATION, "90s", 10, 3600000, NULL, CONF_NODE, true, "?", NULL},
	[BUDGET] = {"budget", CONF_SIZE, "32M", 1024, 1 << 30, NULL, CONF_NODE, true, "?", NULL},
	[NAME] = {"name", CONF_STRING, "", 0, 8, NULL, CONF_NODE, false, "A name.", NULL},
	[MODE] = {"mode", CONF_ENUM, "b", 0, 0, "a|b|c", CONF_SHARED, true, "A mode.", NULL},
	[EVEN] = {"even", CONF_INT, "2", 0, 100, NULL, CONF_NODE, true, "Even.", must_be_even},
};

static void defaults_are_in_force(void **state)
{
	(void)state;
	struct conf *c = conf_new(keys, ARRAY_LEN(keys));
	assert_int_equal(conf_number(c, FLAG), 1);
	assert_int_equal(conf_number(c, PORT), 25);
	assert_int_equal(conf_number(c, WAIT), 90000);
	assert_int_equal(conf_number(c, BUDGET), 32 << 20);
	assert_int_equal(conf_number(c, MODE), 1);
	assert_int_equal(conf_text(c, NAME).len, 0);
	assert_string_equal(conf_place(c, PORT), "default");
	conf_drop(c);
	conf_drop(NULL);
}

static void values_are_checked_one_by_one(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		const char *want_error; /* NULL: taken */
		size_t key;
		int64_t want;
	} cases[] = {
		{"flag=off", NULL, FLAG, 0},
		{"flag = yes", NULL, FLAG, 1},
		{"flag=2", "--set: flag = 2 is not allowed; it may be on or off", FLAG, 1},
		{"port=2525", NULL, PORT, 2525},
		{"port=0", "--set: port = 0 is not allowed; it may be 1 to 65535", PORT, 25},
		{"port=25x", "--set: port = 25x is not allowed; it may be 1 to 65535", PORT, 25},
		{"wait_ms=1500", NULL, WAIT, 1500},
		{"wait_ms=2min", NULL, WAIT, 120000},
		{"wait_ms=1500 ms", NULL, WAIT, 1500},
		{"wait_ms=2h", "--set: wait_ms = 2h is not allowed; it may be 10ms to 1h", WAIT,
		 90000},
		{"wait_ms=9223372036854775807d",
		 "--set: wait_ms = 9223372036854775807d is not allowed; it may be 10ms to 1h", WAIT,
		 90000},
		{"budget=64K", NULL, BUDGET, 65536},
		{"budget=2G", "--set: budget = 2G is not allowed; it may be 1K to 1G", BUDGET,
		 32 << 20},
		{"name=123456789",
		 "--set: name = 123456789 is not allowed; it may be text of 0 to 8 bytes", PORT,
		 25},
		{"mode=c", NULL, MODE, 2},
		{"mode=d", "--set: mode = d is not allowed; it may be a, b or c", MODE, 1},
		{"even=3", "--set: even = 3: is odd", EVEN, 2},
		{"nope=1", "--set: there is no key nope; `edm help settings` lists all", PORT, 25},
		{"port", "--set port: write key=value", PORT, 25},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct conf *c = conf_new(keys, ARRAY_LEN(keys));
		struct err err = {0};
		int rc = conf_set_argument(c, cases[i].text, &err);
		assert_int_equal(rc, cases[i].want_error == NULL ? 0 : -1);
		assert_string_equal(err.text, cases[i].want_error ? cases[i].want_error : "");
		assert_int_equal(err.kind, cases[i].want_error ? ERR_USAGE : ERR_NONE);
		assert_int_equal(conf_number(c, cases[i].key), cases[i].want);
		conf_drop(c);
	}
}

static void the_stronger_origin_wins_in_any_order(void **state)
{
	(void)state;
	const struct conf_source row = {CONF_ROW, "shared"};
	struct conf *c = conf_new(keys, ARRAY_LEN(keys));
	assert_int_equal(conf_set_argument(c, "mode=c", NULL), 0);
	assert_int_equal(conf_set(c, row, STR("mode"), STR("a"), NULL), 0);
	assert_int_equal(conf_number(c, MODE), 2);
	assert_string_equal(conf_place(c, MODE), "--set");
	assert_int_equal(conf_set_text(c, "f", STR("port = 1\nport = 2"), NULL), 0);
	struct err err = {0};
	assert_int_equal(conf_set(c, row, STR("port"), STR("3"), &err), -1);
	assert_string_equal(err.text,
			    "shared: port belongs to each node: write it into its edm.conf");
	assert_int_equal(conf_number(c, PORT), 2);
	assert_string_equal(conf_place(c, PORT), "f:2");
	conf_drop(c);
}

static void files_say_where_they_are_wrong(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		const char *want_error;
	} cases[] = {
		{"# comment\n\n  port=7 \r\n", ""},
		{"name = a = b", ""},
		{"port = 7\nport 8\n", "edm.conf:2: \"port 8\" is not key = value"},
		{"\n\nport = x", "edm.conf:3: port = x is not allowed; it may be 1 to 65535"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct conf *c = conf_new(keys, ARRAY_LEN(keys));
		struct err err = {0};
		int rc = conf_set_text(c, "edm.conf", str_from(cases[i].text), &err);
		assert_int_equal(rc, cases[i].want_error[0] == '\0' ? 0 : -1);
		assert_string_equal(err.text, cases[i].want_error);
		conf_drop(c);
	}
	struct conf *c = conf_new(keys, ARRAY_LEN(keys));
	struct err err = {0};
	struct buf text;
	buf_init(&text, CONF_FILE_MAX);
	assert_int_equal(conf_read_file("/nonexistent/edm.conf", &text, &err), -1);
	assert_int_equal(err.kind, ERR_NOT_FOUND);
	buf_done(&text);
	conf_drop(c);
}

static void printing_names_the_place(void **state)
{
	(void)state;
	struct conf *c = conf_new(keys, ARRAY_LEN(keys));
	struct buf out;
	buf_init(&out, 4096);
	assert_int_equal(conf_set_text(c, "edm.conf", STR("port = 2525"), NULL), 0);
	conf_print(c, true, &out);
	assert_string_equal(out.data, "port = 2525  # edm.conf:1\n");
	buf_clear(&out);
	conf_print(c, false, &out);
	assert_non_null(strstr(out.data, "wait_ms = 90s  # default\n"));
	buf_done(&out);
	conf_drop(c);
}

static void a_reload_changes_only_what_may_change(void **state)
{
	(void)state;
	struct conf *old = conf_new(keys, ARRAY_LEN(keys));
	struct conf *new = conf_new(keys, ARRAY_LEN(keys));
	assert_int_equal(conf_set_argument(new, "wait_ms=5s", NULL), 0);
	assert_int_equal(conf_set_argument(new, "port=025", NULL), 0); /* the same number */
	assert_null(conf_keep(new, old));
	assert_int_equal(conf_set_argument(new, "name=x", NULL), 0);
	assert_string_equal(conf_keep(new, old), "name");
	assert_true(str_equals(conf_text(new, NAME), conf_text(old, NAME)));
	assert_string_equal(conf_place(new, NAME), "default");
	assert_null(conf_keep(new, old));
	assert_ptr_equal(conf_hold(new), new);
	conf_drop(new);
	assert_int_equal(conf_number(new, WAIT), 5000);
	conf_drop(new);
	conf_drop(old);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_in_force),
		cmocka_unit_test(values_are_checked_one_by_one),
		cmocka_unit_test(the_stronger_origin_wins_in_any_order),
		cmocka_unit_test(files_say_where_they_are_wrong),
		cmocka_unit_test(printing_names_the_place),
		cmocka_unit_test(a_reload_changes_only_what_may_change),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
