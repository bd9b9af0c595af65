/* SPDX-License-Identifier: MIT */
/* Encodings and delimiters, from bytes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lists/detect.h"

static struct detected detect(struct str bytes, size_t piece)
{
	struct detector d;
	detector_init(&d);
	for (size_t at = 0; at < bytes.len; at += piece)
		detector_feed(&d, str_slice(bytes, at, at + piece));
	return detector_finish(&d);
}

static void encodings_follow_the_strict_order(void **state)
{
	(void)state;
	static const struct {
		struct str bytes;
		enum encoding want;
		unsigned want_bom_len;
		bool want_ascii;
	} cases[] = {
		{STR_INIT("a@b.cn\r\n"), ENCODING_UTF_8, 0, true},
		{STR_INIT("\xEF\xBB\xBF"
			  "a@b.cn"),
		 ENCODING_UTF_8, 3, true},
		{STR_INIT("\xEF\xBB\xBF\xE9\x82\xAE"), ENCODING_UTF_8, 3, false},
		{STR_INIT("\xE9\x82\xAE\xE7\xAE\xB1,x\n"), ENCODING_UTF_8, 0, false},
		{STR_INIT("\xFF\xFE"
			  "a\0@\0"),
		 ENCODING_UTF_16LE, 2, false},
		{STR_INIT("\xFE\xFF\0a\0@"), ENCODING_UTF_16BE, 2, false},
		{STR_INIT("a\0@\0b\0.\0c\0n\0"), ENCODING_UTF_16LE, 0, false},
		{STR_INIT("\0a\0@\0b\0.\0c\0n"), ENCODING_UTF_16BE, 0, false},
		/* 邮箱,\n in UTF-16LE without a mark */
		{STR_INIT("\xAE\x90\xB1\x7B,\0\n\0"), ENCODING_UTF_16LE, 0, false},
		{STR_INIT("a@b.cn,x\0y,zzzzzzzzzzzzzzzzzz\n"), ENCODING_UTF_8, 0, true},
		/* 邮箱 and 开 in GBK, the lone euro of Windows, a four-byte character */
		{STR_INIT("\xD3\xCA\xCF\xE4,\xBF\xAA\n"), ENCODING_GB18030, 0, false},
		{STR_INIT("\xD3\xCA 5\x80\n"), ENCODING_GB18030, 0, false},
		{STR_INIT("\xD3\xCA\x81\x30\x81\x30\n"), ENCODING_GB18030, 0, false},
		/* cut in the middle of a character, or not text at all */
		{STR_INIT("a,b\n\xD3\xCA\xCF"), ENCODING_UNKNOWN, 0, false},
		{STR_INIT("a\xFF z\n"), ENCODING_UNKNOWN, 0, false},
		{STR_INIT("\xEF\xBB\xBF"
			  "a\xFF\n"),
		 ENCODING_UNKNOWN, 3, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (size_t piece = 1; piece <= 4; piece++) {
			struct detected got = detect(cases[i].bytes, piece);
			if (got.encoding != cases[i].want)
				fail_msg("case %zu: %s", i, encoding_name(got.encoding));
			assert_int_equal(got.bom_len, cases[i].want_bom_len);
			assert_int_equal(got.is_ascii, cases[i].want_ascii);
		}
}

static void the_whole_file_decides(void **state)
{
	(void)state;
	char *bytes = xmalloc(1 << 20);
	memset(bytes, 'x', 1 << 20);
	for (size_t i = 63; i < 1 << 20; i += 64)
		bytes[i] = '\n';
	bytes[(1 << 20) - 5] = '\xD3';
	bytes[(1 << 20) - 4] = '\xCA';
	struct detected got = detect(str_of(bytes, (1 << 20) - 1), 4096);
	assert_int_equal(got.encoding, ENCODING_GB18030);
	assert_int_equal(got.utf8_bad_line, (1 << 20) / 64);
	free(bytes);
}

static void users_names_of_encodings_are_known(void **state)
{
	(void)state;
	assert_int_equal(encoding_parse(STR("GBK")), ENCODING_GB18030);
	assert_int_equal(encoding_parse(STR("Utf-8")), ENCODING_UTF_8);
	assert_int_equal(encoding_parse(STR("BIG5")), ENCODING_OTHER);
}

static void the_delimiter_is_what_lines_agree_on(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		char want;
	} cases[] = {
		{"email,name\na@b.cn,x\n", ','},
		{"email;name\na@b.cn;x, y, z\nc@d.cn;w\n", ';'},
		{"email\tname\r\na@b.cn\tx,y\r\n", '\t'},
		{"\"a;b;c\",name\n\"d;e\nf;g\",x\n", ','},
		{"a@b.cn\nc@d.cn\n", ','},
		{"name,note;more;text\nx,y\nz,w;v\n", ','},
		{"", ','},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (detect_delimiter(str_from(cases[i].text)) != cases[i].want)
			fail_msg("%s", cases[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(encodings_follow_the_strict_order),
		cmocka_unit_test(the_whole_file_decides),
		cmocka_unit_test(users_names_of_encodings_are_known),
		cmocka_unit_test(the_delimiter_is_what_lines_agree_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
