/* SPDX-License-Identifier: MIT */
/* The reply parser: every case is fed whole, byte by byte, and cut in two at every place. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "engine/reply/reply.h"
#include "engine/base/utf8.h"

struct reply_case {
	const char *bytes;
	uint16_t want_code;
	struct enhanced_code want_enhanced;
	const char *want_text;
	size_t want_lines;
	bool want_mixed;
};

static const struct reply_case cases[] = {
	{"250 ok\r\n", 250, {0}, "ok", 1, false},
	{"250\r\n", 250, {0}, "", 1, false},
	{"250 \r\n", 250, {0}, "", 1, false},
	{"250 ok\n", 250, {0}, "ok", 1, false},
	{"250-a\r\n250-\r\n250 b\r\n", 250, {0}, "a b", 3, false},
	{"250-a\n250 b\r\n", 250, {0}, "a b", 2, false},
	{"250-2.1.0 a\r\n250 2.1.0 b\r\n", 250, {2, 1, 0}, "a b", 2, false},
	{"550 5.1.1 no such user\r\n", 550, {5, 1, 1}, "no such user", 1, false},
	{"550 5.7.515\r\n", 550, {5, 7, 515}, "", 1, false},
	{"550 2.1.5 ok?\r\n", 550, {0}, "2.1.5 ok?", 1, false},
	{"451 4.7.1x late\r\n", 451, {0}, "4.7.1x late", 1, false},
	{"550 5.1 short\r\n", 550, {0}, "5.1 short", 1, false},
	{"550 5.1.1234 long\r\n", 550, {0}, "5.1.1234 long", 1, false},
	{"550 said 5.1.1 later\r\n", 550, {0}, "said 5.1.1 later", 1, false},
	{"250-ok\r\n550 5.0.0 no\r\n", 550, {5, 0, 0}, "ok no", 2, true},
	{"550-5.1.1 x\r\n250 y\r\n", 250, {0}, "x y", 2, true},
	{"299 odd\r\n", 299, {0}, "odd", 1, false},
	{"850 NONSENSE\r\n", 850, {0}, "NONSENSE", 1, false},
	{"250 o\rk\r\n", 250, {0}, "o k", 1, false},
	{"250\tok\r\n", 250, {0}, "ok", 1, false},
	{"550 a\x1b[31m\xff\xfe\r\n",
	 550,
	 {0},
	 "a" UTF8_REPLACEMENT "[31m" UTF8_REPLACEMENT UTF8_REPLACEMENT,
	 1,
	 false},
	/* the same Chinese words in UTF-8 and in GBK: "the user does not exist" */
	{"550 \xE7\x94\xA8\xE6\x88\xB7\xE4\xB8\x8D\xE5\xAD\x98\xE5\x9C\xA8\r\n",
	 550,
	 {0},
	 "\xE7\x94\xA8\xE6\x88\xB7\xE4\xB8\x8D\xE5\xAD\x98\xE5\x9C\xA8",
	 1,
	 false},
	{"550 \xD3\xC3\xBB\xA7\xB2\xBB\xB4\xE6\xD4\xDA\r\n",
	 550,
	 {0},
	 "\xE7\x94\xA8\xE6\x88\xB7\xE4\xB8\x8D\xE5\xAD\x98\xE5\x9C\xA8",
	 1,
	 false},
	/* Latin-1 is not Chinese */
	{"421 refus\xE9 ici\r\n", 421, {0}, "refus" UTF8_REPLACEMENT " ici", 1, false},
	/* an override that would reorder the log line */
	{"550 \xE2\x80\xAEx\r\n", 550, {0}, UTF8_REPLACEMENT "x", 1, false},
};

static void check(const struct reply *got, const struct reply_case *want)
{
	assert_int_equal(got->code, want->want_code);
	assert_int_equal(got->enhanced.klass, want->want_enhanced.klass);
	assert_int_equal(got->enhanced.subject, want->want_enhanced.subject);
	assert_int_equal(got->enhanced.detail, want->want_enhanced.detail);
	assert_int_equal(got->text.len, strlen(want->want_text));
	assert_true(str_equals(got->text, str_from(want->want_text)));
	assert_int_equal(got->line_count, want->want_lines);
	assert_int_equal(got->is_mixed, want->want_mixed);
	assert_false(got->is_truncated);
}

static void parses_the_same_in_any_split(void **state)
{
	(void)state;
	struct reply_parser p;
	reply_parser_init(&p);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str all = str_from(cases[i].bytes);
		for (size_t cut = 0; cut < all.len; cut++) {
			size_t used;
			enum reply_progress first =
				reply_parser_feed(&p, str_slice(all, 0, cut), &used);
			assert_int_equal(first, REPLY_NEED_MORE);
			assert_int_equal(used, cut);
			assert_int_equal(reply_parser_is_midway(&p), cut > 0);
			enum reply_progress second =
				reply_parser_feed(&p, str_slice(all, cut, all.len), &used);
			assert_int_equal(second, REPLY_COMPLETE);
			assert_int_equal(used, all.len - cut);
			check(&p.reply, &cases[i]);
		}
	}
	reply_parser_done(&p);
}

static void parses_byte_by_byte_and_knows_where_a_reply_ends(void **state)
{
	(void)state;
	struct reply_parser p;
	size_t used;
	reply_parser_init(&p);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct str rest = str_from(cases[i].bytes);
		for (; rest.len > 1; rest = str_slice(rest, 1, rest.len))
			assert_int_equal(reply_parser_feed(&p, str_slice(rest, 0, 1), &used),
					 REPLY_NEED_MORE);
		assert_int_equal(reply_parser_feed(&p, rest, &used), REPLY_COMPLETE);
		check(&p.reply, &cases[i]);
	}
	struct str two = STR("250 a\r\n354-b\r\n354 c\r\nrest");
	assert_int_equal(reply_parser_feed(&p, two, &used), REPLY_COMPLETE);
	assert_int_equal(used, 7);
	assert_false(reply_parser_is_midway(&p));
	two = str_slice(two, used, two.len);
	assert_int_equal(reply_parser_feed(&p, two, &used), REPLY_COMPLETE);
	assert_int_equal(used, 14);
	assert_int_equal(p.reply.code, 354);
	reply_parser_done(&p);
}

static void gives_lines_one_by_one(void **state)
{
	(void)state;
	struct reply_parser p;
	size_t used;
	static const char *const want[] = {"mx.example", "PIPELINING", "", "SIZE 100"};
	reply_parser_init(&p);
	assert_int_equal(reply_parser_feed(&p,
					   STR("250-mx.example\r\n250-PIPELINING\r\n250-\r\n"
					       "250 SIZE 100\r\n"),
					   &used),
			 REPLY_COMPLETE);
	assert_int_equal(p.reply.line_count, ARRAY_LEN(want));
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		assert_true(str_equals(reply_line(&p, i), str_from(want[i])));
	reply_parser_done(&p);
}

static void a_line_without_a_code_spoils_the_stream(void **state)
{
	(void)state;
	static const char *const bad[] = {"\r\n",	 "ok\r\n",     "25 ok\r\n",	"250ok\r\n",
					  "2500 ok\r\n", "HTTP/1.1\n", "250-a\r\nb\r\n"};
	struct reply_parser p;
	size_t used;
	reply_parser_init(&p);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(reply_parser_feed(&p, str_from(bad[i]), &used), REPLY_INVALID);
		assert_non_null(p.why);
		assert_int_equal(reply_parser_feed(&p, STR("221 bye\r\n"), &used), REPLY_INVALID);
		reply_parser_reset(&p);
	}
	assert_int_equal(reply_parser_feed(&p, STR("221 bye\r\n"), &used), REPLY_COMPLETE);
	reply_parser_done(&p);
}

static void nul_octets_are_replaced(void **state)
{
	(void)state;
	struct reply_parser p;
	size_t used;
	reply_parser_init(&p);
	assert_int_equal(reply_parser_feed(&p, str_of("550 a\0b\r\n", 9), &used), REPLY_COMPLETE);
	assert_true(str_equals(p.reply.text, STR("a" UTF8_REPLACEMENT "b")));
	reply_parser_done(&p);
}

static void long_lines_are_cut_and_long_replies_refused(void **state)
{
	(void)state;
	struct reply_parser p;
	size_t used, fed = 0;
	char chunk[1024];
	memset(chunk, 'x', sizeof(chunk));
	reply_parser_init(&p);
	assert_int_equal(reply_parser_feed(&p, STR("550 5.1.1 "), &used), REPLY_NEED_MORE);
	for (int i = 0; i < 8; i++)
		assert_int_equal(reply_parser_feed(&p, str_of(chunk, sizeof(chunk)), &used),
				 REPLY_NEED_MORE);
	assert_int_equal(reply_parser_feed(&p, STR("\r\n"), &used), REPLY_COMPLETE);
	assert_int_equal(p.reply.code, 550);
	assert_true(p.reply.is_truncated);
	assert_int_equal(p.reply.text.len, REPLY_LINE_MAX - strlen("550 5.1.1 "));
	assert_int_equal(reply_parser_feed(&p, STR("250 ok\r\n"), &used), REPLY_COMPLETE);
	assert_false(p.reply.is_truncated);
	while (reply_parser_feed(&p, str_of(chunk, sizeof(chunk)), &used) == REPLY_NEED_MORE)
		fed += sizeof(chunk);
	assert_int_equal(fed, REPLY_TOTAL_MAX);
	reply_parser_done(&p);
}

static void many_long_lines_keep_valid_bounded_text(void **state)
{
	(void)state;
	struct reply_parser p;
	size_t used;
	reply_parser_init(&p);
	for (int i = 0; i < 300; i++)
		assert_int_equal(reply_parser_feed(&p,
						   STR("250-\xE4\xBD\xA0\xE5\xA5\xBD\xE4\xBD\xA0"
						       "\xE5\xA5\xBD\xE4\xBD\xA0\xE5\xA5\xBD"
						       "\xE4\xBD\xA0\xE5\xA5\xBD\xE4\xBD\xA0\n"),
						   &used),
				 REPLY_NEED_MORE);
	assert_int_equal(reply_parser_feed(&p, STR("250 end\n"), &used), REPLY_COMPLETE);
	assert_int_equal(p.reply.line_count, 301);
	assert_true(p.reply.text.len <= REPLY_TEXT_MAX);
	assert_true(utf8_is_valid(p.reply.text));
	assert_true(utf8_is_valid(reply_line(&p, REPLY_LINES_MAX - 1)));
	reply_parser_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_the_same_in_any_split),
		cmocka_unit_test(parses_byte_by_byte_and_knows_where_a_reply_ends),
		cmocka_unit_test(gives_lines_one_by_one),
		cmocka_unit_test(a_line_without_a_code_spoils_the_stream),
		cmocka_unit_test(nul_octets_are_replaced),
		cmocka_unit_test(long_lines_are_cut_and_long_replies_refused),
		cmocka_unit_test(many_long_lines_keep_valid_bounded_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
