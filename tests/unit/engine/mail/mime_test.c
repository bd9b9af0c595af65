/* SPDX-License-Identifier: MIT */
/* Transfer encodings: round trips, line lengths, dots, pieces that join; RFC 2231 parameters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "engine/base/hash.h"
#include "engine/mail/mime.h"

static void check_lines(struct str body)
{
	assert_true(body.len == 0 || str_ends_with(body, STR("\r\n")));
	assert_true(str_find(body, STR("=_")) < 0);
	while (body.len > 0) {
		struct str line = str_take_until(&body, '\n');
		assert_true(str_ends_with(line, STR("\r")));
		line.len--;
		assert_true(line.len <= MIME_LINE_MAX);
		assert_false(str_starts_with(line, STR(".")));
		assert_false(str_starts_with(line, STR("From ")));
		for (size_t i = 0; i < line.len; i++)
			assert_true((line.ptr[i] >= ' ' && line.ptr[i] < 0x7F) ||
				    line.ptr[i] == '\t');
		if (line.len > 0)
			assert_false(ascii_is_space(line.ptr[line.len - 1]));
	}
}

static int hex_digit(char c)
{
	return ascii_is_digit(c) ? c - '0' : c - 'A' + 10;
}

static void decode_quoted_printable(struct str body, struct buf *out)
{
	for (size_t i = 0; i < body.len; i++) {
		if (body.ptr[i] != '=') {
			buf_append_char(out, body.ptr[i]);
			continue;
		}
		if (body.ptr[i + 1] != '\r')
			buf_append_char(out, (char)(hex_digit(body.ptr[i + 1]) * 16 +
						    hex_digit(body.ptr[i + 2])));
		i += 2;
	}
}

static void quoted_printable_cases(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		const char *want;
	} cases[] = {
		{"", ""},
		{"plain\n", "plain\r\n"},
		{"no end", "no end=\r\n"},
		{"a\rb\r\nc\n\rd\n", "a\r\nb\r\nc\r\n\r\nd\r\n"},
		{"\r\r\n", "\r\n\r\n"},
		{"trail \nTab\t\n \n", "trail=20\r\nTab=09\r\n=20\r\n"},
		{".\n..x\n.", "=2E\r\n=2E.x\r\n=2E=\r\n"},
		{"From here\nfrom\n", "=46rom here\r\nfrom\r\n"},
		{"a=b_=_\n", "a=3Db_=3D_\r\n"},
		{"中\n", "=E4=B8=AD\r\n"},
		{"\x01\x7f\n", "=01=7F\r\n"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf out;
		buf_init(&out, 1 << 16);
		mime_quoted_printable(str_from(cases[i].text), &out);
		assert_string_equal(out.data ? out.data : "", cases[i].want);
		buf_done(&out);
	}
}

/* Random texts of troublesome bytes, encoded in random pieces: decode(encode(x)) = x. */
static void quoted_printable_round_trip(void **state)
{
	(void)state;
	static const char *const atoms[] = {".",
					    "\n",
					    " ",
					    "=",
					    "中文",
					    "From ",
					    "x",
					    "\t",
					    "😀",
					    "--=_",
					    "a long run of ordinary words ",
					    "\n.\n"};
	uint64_t seed = 42;
	for (int round = 0; round < 300; round++) {
		struct buf text, want, body, back;
		buf_init(&text, 1 << 16);
		buf_init(&want, 1 << 16);
		buf_init(&body, 1 << 16);
		buf_init(&back, 1 << 16);
		for (int piece = 0; piece < 4; piece++) {
			buf_clear(&text);
			for (uint64_t n = prng_next(&seed) % 60; n > 0; n--)
				buf_append_cstr(&text, atoms[prng_next(&seed) % ARRAY_LEN(atoms)]);
			mime_quoted_printable(buf_str(&text), &body);
			buf_append_str(&want, buf_str(&text));
		}
		mime_quoted_printable_end(&body);
		check_lines(buf_str(&body));
		decode_quoted_printable(buf_str(&body), &back);
		struct buf joined; /* CRLF as LF; a line end may have been added at the end */
		buf_init(&joined, 1 << 16);
		for (size_t i = 0; i < back.len; i++)
			if (back.data[i] != '\r')
				buf_append_char(&joined, back.data[i]);
		if (want.len > 0 && want.data[want.len - 1] != '\n')
			buf_append_char(&want, '\n');
		assert_true(str_equals(buf_str(&joined), buf_str(&want)));
		buf_done(&text);
		buf_done(&want);
		buf_done(&body);
		buf_done(&back);
		buf_done(&joined);
	}
}

static void seven_bit(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool want;
	} cases[] = {
		{"", true},
		{"Hi,\n\nall\n", true},
		{"Hi,\r\nall", true},
		{"中", false},
		{"a \n", false},
		{".\n", false},
		{"x\nFrom me\n", false},
		{"=_\n", false},
		{"a\x01\n", false},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(mime_is_7bit(str_from(cases[i].text)), cases[i].want);
	char line[78];
	memset(line, 'x', sizeof(line));
	assert_true(mime_is_7bit(str_of(line, 76)));
	assert_false(mime_is_7bit(str_of(line, 77)));
	struct buf out;
	buf_init(&out, 100);
	mime_7bit(STR("a\nb\r\nc"), &out);
	assert_string_equal(out.data, "a\r\nb\r\nc\r\n");
	buf_done(&out);
}

static void base64_lines(void **state)
{
	(void)state;
	char bytes[58];
	struct buf out;
	buf_init(&out, 1000);
	memset(bytes, 0, sizeof(bytes));
	mime_base64(STR(""), &out);
	assert_int_equal(out.len, 0);
	mime_base64(str_of(bytes, 58), &out);
	assert_int_equal(out.len, 76 + 2 + 4 + 2);
	assert_true(str_ends_with(buf_str(&out), STR("AAAA\r\nAA==\r\n")));
	check_lines(buf_str(&out));
	buf_done(&out);
}

static void parameters(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		const char *want;
	} cases[] = {
		{"a.pdf", "D: attachment;\r\n filename=\"a.pdf\"\r\n"},
		{"a \"b\\.pdf", "D: attachment;\r\n filename=\"a \\\"b\\\\.pdf\"\r\n"},
		{"报价.pdf", "D: attachment;\r\n filename*=UTF-8''%E6%8A%A5%E4%BB%B7.pdf;\r\n "
			     "filename=\"__.pdf\"\r\n"},
		{"a\r\nX: y", "D: attachment;\r\n filename*=UTF-8''a__X%3A%20y;\r\n "
			      "filename=\"a__X: y\"\r\n"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf out;
		buf_init(&out, 4096);
		mime_field_with_parameter(&out, "D", STR("attachment"), "filename",
					  str_from(cases[i].text));
		assert_string_equal(out.data, cases[i].want);
		buf_done(&out);
	}
	struct buf name, out;
	buf_init(&name, 4096);
	buf_init(&out, 1 << 16);
	for (int i = 0; i < 200; i++)
		buf_append_cstr(&name, "报");
	mime_field_with_parameter(&out, "D", STR("attachment"), "filename", buf_str(&name));
	assert_non_null(strstr(out.data, " filename*0*=UTF-8''%E6"));
	assert_non_null(strstr(out.data, ";\r\n filename*1*=%"));
	struct str rest = buf_str(&out);
	while (rest.len > 0)
		assert_true(str_take_until(&rest, '\n').len <= 79);
	buf_done(&name);
	buf_done(&out);
	assert_true(mime_type_is_valid(STR("application/pdf")));
	assert_true(mime_type_is_valid(STR("image/svg+xml")));
	assert_false(mime_type_is_valid(STR("pdf")));
	assert_false(mime_type_is_valid(STR("a/b; x=\"y\"")));
	assert_false(mime_type_is_valid(STR("a/b/c")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quoted_printable_cases),
		cmocka_unit_test(quoted_printable_round_trip),
		cmocka_unit_test(seven_bit),
		cmocka_unit_test(base64_lines),
		cmocka_unit_test(parameters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
