/* SPDX-License-Identifier: MIT */
/* What may go on the wire: bodies cut at every place, rendering, paths and names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "engine/smtp/wire.h"

struct body_case {
	struct str body;
	const char *want_why; /* NULL: it is wire form */
};

static const struct body_case bodies[] = {
	{STR_INIT("a\r\n"), NULL},
	{STR_INIT("\r\n"), NULL},
	{STR_INIT("a: b\r\n\r\n..\r\n..x\r\na.\r\n"), NULL},
	{STR_INIT("\xff\r\n"), NULL},
	{STR_INIT(""), "does not end in CRLF"},
	{STR_INIT("a"), "does not end in CRLF"},
	{STR_INIT("a\r"), "does not end in CRLF"},
	{STR_INIT("a\n"), "bare LF"},
	{STR_INIT("a\n.\r\n"), "bare LF"},
	{STR_INIT("\n.\n\r\n"), "bare LF"},
	{STR_INIT("a\r.\r\n"), "bare CR"},
	{STR_INIT("a\r\r\n"), "bare CR"},
	{STR_INIT(".\r\n"), "leading dot not doubled"},
	{STR_INIT("a\r\n.\r\n"), "leading dot not doubled"},
	{STR_INIT("a\r\n.b\r\n"), "leading dot not doubled"},
	{STR_INIT("a\r\n\0.\r\n"), "NUL"},
	{STR_INIT("a\r\nb\r\ncd\n"), "bare LF"},
	{STR_INIT("a\r\nb\r\nc\rd\r\n"), "bare CR"},
	{STR_INIT("a\r\nb\r\nc"), "does not end in CRLF"},
};

static void test_bodies_cut_anywhere(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		struct str all = bodies[i].body;
		for (size_t cut = 0; cut <= all.len; cut++) {
			struct str slices[] = {str_slice(all, 0, cut),
					       str_slice(all, cut, all.len)};
			const char *why = NULL;
			assert_int_equal(wire_is_body(slices, 2, &why), !bodies[i].want_why);
			if (bodies[i].want_why != NULL)
				assert_string_equal(why, bodies[i].want_why);
		}
	}
}

static void test_line_length(void **state)
{
	(void)state;
	char line[WIRE_LINE_MAX + 4];
	memset(line, 'x', sizeof(line));
	struct str long_line[] = {{line, WIRE_LINE_MAX + 2}, STR("\r\n")};
	struct str full_line[] = {{line, WIRE_LINE_MAX}, STR("\r\n")};
	assert_true(wire_is_body(full_line, 2, NULL));
	assert_false(wire_is_body(long_line, 2, NULL));
}

struct render_case {
	const char *text;
	const char *want;
};

static const struct render_case renders[] = {
	{"a\r\n", "a\r\n"}, {"a", "a\r\n"},
	{".", "..\r\n"},    {".\r\n..\r\n.a\r\nb.\r\n", "..\r\n...\r\n..a\r\nb.\r\n"},
	{"", "\r\n"},	    {"a\nb\r\n", NULL},
	{"a\rb\r\n", NULL},
};

static void test_render(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(renders); i++) {
		struct buf out;
		struct err err;
		buf_init(&out, 1000);
		buf_append_cstr(&out, "kept");
		int got = wire_render_body(&out, str_from(renders[i].text), &err);
		assert_int_equal(got, renders[i].want != NULL ? 0 : -1);
		if (renders[i].want != NULL)
			assert_string_equal(out.data + 4, renders[i].want);
		buf_done(&out);
	}
}

static void test_render_too_large(void **state)
{
	(void)state;
	struct buf out;
	struct err err;
	buf_init(&out, 4);
	assert_int_equal(wire_render_body(&out, STR("abc"), &err), -1);
	buf_done(&out);
}

struct path_case {
	struct str path;
	bool is_utf8;
	bool want;
};

static const struct path_case paths[] = {
	{STR_INIT(""), false, true},
	{STR_INIT("a@b"), false, true},
	{STR_INIT("O'Brien+x%y=z@b"), false, true},
	{STR_INIT("a b@c"), false, false},
	{STR_INIT("a>b@c"), false, false},
	{STR_INIT("<a@c"), false, false},
	{STR_INIT("a\r@c"), false, false},
	{STR_INIT("a\n@c"), false, false},
	{STR_INIT("a\0@c"), false, false},
	{STR_INIT("a\x7f@c"), false, false},
	{STR_INIT("\xe7\x94\xa8@c"), false, false},
	{STR_INIT("\xe7\x94\xa8@c"), true, true},
};

static void test_paths(void **state)
{
	(void)state;
	char longest[WIRE_PATH_MAX + 1];
	memset(longest, 'a', sizeof(longest));
	for (size_t i = 0; i < ARRAY_LEN(paths); i++)
		assert_int_equal(wire_is_path(paths[i].path, paths[i].is_utf8), paths[i].want);
	assert_true(wire_is_path(str_of(longest, WIRE_PATH_MAX), false));
	assert_false(wire_is_path(str_of(longest, WIRE_PATH_MAX + 1), false));
}

static void test_ehlo_names(void **state)
{
	(void)state;
	assert_true(wire_is_ehlo_name(STR("mx1.example.org")));
	assert_true(wire_is_ehlo_name(STR("[192.0.2.1]")));
	assert_false(wire_is_ehlo_name(STR("")));
	assert_false(wire_is_ehlo_name(STR("a b")));
	assert_false(wire_is_ehlo_name(STR("a\r\nb")));
	assert_false(wire_is_ehlo_name(STR("\xc3\xa9")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bodies_cut_anywhere),
		cmocka_unit_test(test_line_length),
		cmocka_unit_test(test_render),
		cmocka_unit_test(test_render_too_large),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_ehlo_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
