/* SPDX-License-Identifier: MIT */
/* Conversion to UTF-8, in pieces of any size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "lists/convert.h"

static void pieces_of_any_size_give_the_same_text(void **state)
{
	(void)state;
	static const struct {
		enum encoding encoding;
		const char *name;
		struct str bytes;
		const char *want;
		uint64_t want_bad;
	} cases[] = {
		{ENCODING_UTF_8, NULL, STR_INIT("邮箱,a\n"), "邮箱,a\n", 0},
		{ENCODING_UTF_8, NULL,
		 STR_INIT("a\xFF"
			  "b\xE9\x82"),
		 "a\xEF\xBF\xBD"
		 "b\xEF\xBF\xBD",
		 2},
		{ENCODING_GB18030, NULL, STR_INIT("\xD3\xCA\xCF\xE4,5\x80\n"), "邮箱,5€\n", 0},
		{ENCODING_GB18030, NULL, STR_INIT("\x81\x39\xEF\x30|\xFF|"), "㐁|\xEF\xBF\xBD|", 1},
		{ENCODING_UTF_16LE, NULL, STR_INIT("\xAE\x90\xB1\x7B,\0\n\0"), "邮箱,\n", 0},
		{ENCODING_UTF_16BE, NULL, STR_INIT("\x90\xAE\x7B\xB1\0,"), "邮箱,", 0},
		/* a pair beyond the BMP; half a pair, which costs nothing of what follows */
		{ENCODING_UTF_16LE, NULL,
		 STR_INIT("\x3D\xD8\x00\xDE"
			  "a\0"),
		 "😀a", 0},
		{ENCODING_UTF_16LE, NULL,
		 STR_INIT("\x3D\xD8"
			  "a\0b\0"),
		 "\xEF\xBF\xBD"
		 "ab",
		 1},
		{ENCODING_OTHER, "BIG5", STR_INIT("\xA4\xA4\xA4\xE5"), "中文", 0},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (size_t piece = 1; piece <= cases[i].bytes.len; piece++) {
			struct converter c;
			struct buf out;
			buf_init(&out, 4096);
			assert_int_equal(converter_init(&c, cases[i].encoding, cases[i].name, NULL),
					 0);
			for (size_t at = 0; at < cases[i].bytes.len; at += piece)
				converter_feed(&c, str_slice(cases[i].bytes, at, at + piece), false,
					       &out);
			converter_feed(&c, STR(""), true, &out);
			assert_string_equal(out.data, cases[i].want);
			assert_int_equal(c.bad_count, cases[i].want_bad);
			converter_done(&c);
			buf_done(&out);
		}
}

static void unknown_encodings_are_refused(void **state)
{
	(void)state;
	struct converter c;
	struct err err;
	assert_int_equal(converter_init(&c, ENCODING_OTHER, "KLINGON", &err), -1);
	assert_int_equal(err.kind, ERR_USAGE);
	assert_non_null(strstr(err.text, "KLINGON"));
	converter_done(&c);
}

/* What detection takes for GB18030, conversion can read: else an import would refuse rows for an
 * encoding it found itself. */
static void every_two_byte_character_of_gb18030_converts(void **state)
{
	(void)state;
	struct converter c;
	struct buf out;
	buf_init(&out, 64);
	assert_int_equal(converter_init(&c, ENCODING_GB18030, NULL, NULL), 0);
	for (unsigned lead = 0x81; lead <= 0xFE; lead++)
		for (unsigned tail = 0x40; tail <= 0xFE; tail++) {
			char bytes[2] = {(char)lead, (char)tail};
			buf_clear(&out);
			if (tail != 0x7F)
				converter_feed(&c, str_of(bytes, 2), false, &out);
		}
	assert_int_equal(c.bad_count, 0);
	converter_done(&c);
	buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_of_any_size_give_the_same_text),
		cmocka_unit_test(unknown_encodings_are_refused),
		cmocka_unit_test(every_two_byte_character_of_gb18030_converts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
