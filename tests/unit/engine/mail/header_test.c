/* SPDX-License-Identifier: MIT */
/* Header fields: folding, encoded-words, mailboxes; nothing in a value can leave its field. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <openssl/evp.h>
#include <cmocka.h>

#include "engine/base/utf8.h"
#include "engine/mail/header.h"

static void start(struct buf *out)
{
	buf_init(out, 1 << 20);
}

/* Every line: CRLF, no more than max characters, ASCII, no control character, not only white
 * space, no dot at its start; every line but the first starts with a space. */
static void check_shape(struct str field, size_t max)
{
	assert_true(str_ends_with(field, STR("\r\n")));
	for (bool is_first = true; field.len > 0; is_first = false) {
		struct str line = str_take_until(&field, '\n');
		assert_true(str_ends_with(line, STR("\r")));
		line.len--;
		assert_true(line.len <= max);
		assert_true(str_trim(line).len > 0);
		assert_int_equal(line.ptr[0] == ' ', !is_first);
		for (size_t i = 0; i < line.len; i++)
			assert_true(line.ptr[i] >= ' ' && line.ptr[i] < 0x7F);
	}
}

static int hex_digit(char c)
{
	return ascii_is_digit(c) ? c - '0' : c - 'A' + 10;
}

/* Appends the text of one encoded-word (without frame) to out. */
static void decode_word(struct str word, bool is_q, struct buf *out)
{
	if (!is_q) {
		unsigned char bytes[100];
		int n = EVP_DecodeBlock(bytes, (const unsigned char *)word.ptr, (int)word.len);
		assert_true(n > 0);
		for (size_t i = word.len; i > 0 && word.ptr[i - 1] == '='; i--)
			n--;
		buf_append(out, bytes, (size_t)n);
		return;
	}
	for (size_t i = 0; i < word.len; i++) {
		if (word.ptr[i] == '=') {
			int c = hex_digit(word.ptr[i + 1]) * 16 + hex_digit(word.ptr[i + 2]);
			buf_append_char(out, (char)c);
			i += 2;
		} else {
			buf_append_char(out, word.ptr[i] == '_' ? ' ' : word.ptr[i]);
		}
	}
}

/* Decodes a value that is nothing but encoded-words, each of which must be valid by itself. */
static void decode_words(struct str value, struct buf *out)
{
	value = str_trim(value);
	while (value.len > 0) {
		assert_true(str_starts_with(value, STR("=?UTF-8?")));
		bool is_q = value.ptr[8] == 'Q';
		struct str rest = str_slice(value, 10, value.len);
		ptrdiff_t end = str_find(rest, STR("?="));
		assert_true(end > 0 && end + 12 <= 75);
		size_t before = out->len;
		decode_word(str_slice(rest, 0, (size_t)end), is_q, out);
		assert_true(utf8_is_valid(str_slice(buf_str(out), before, out->len)));
		value = str_slice(rest, (size_t)end + 2, rest.len);
		if (value.len > 0)
			assert_true(str_starts_with(value, STR("\r\n ")));
		value = str_trim(value);
	}
}

static void text_is_bare_or_encoded(void **state)
{
	(void)state;
	static const struct {
		const char *value;
		const char *want;
	} cases[] = {
		{"Hello world", "Subject: Hello world\r\n"},
		{"  trimmed\t", "Subject: trimmed\r\n"},
		{"", "Subject: \r\n"},
		{"a\r\nBcc: x@y.z", "Subject: a  Bcc: x@y.z\r\n"},
		{"a\x01\x7f"
		 "b",
		 "Subject: a  b\r\n"},
		{"张三", "Subject: =?UTF-8?B?5byg5LiJ?=\r\n"},
		{"Café au lait", "Subject: =?UTF-8?Q?Caf=C3=A9_au_lait?=\r\n"},
		{"=?x?=", "Subject: =?UTF-8?B?PT94Pz0=?=\r\n"},
		{"\x01 a \x7f\x02", "Subject: a\r\n"},
		{"\x01\x02", "Subject: \r\n"},
		{"bad \xff byte", "Subject: =?UTF-8?B?YmFkIO+/vSBieXRl?=\r\n"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf out;
		start(&out);
		header_text(&out, "Subject", str_from(cases[i].value));
		assert_string_equal(out.data, cases[i].want);
		buf_done(&out);
	}
}

/* 1 … 300 characters of text that mixes lengths: each word decodes by itself. */
static void no_character_is_split(void **state)
{
	(void)state;
	static const char *const texts[] = {"中文A😀", "é", "𠮷㐂", "ab cd é "};
	for (size_t t = 0; t < ARRAY_LEN(texts); t++) {
		struct buf value;
		start(&value);
		for (size_t n = 1; n <= 300; n++) {
			struct buf out, back;
			start(&out);
			start(&back);
			struct str pool = str_from(texts[t]);
			size_t at = 0, skipped = 0;
			uint32_t scalar;
			for (; skipped < (n - 1) % (t == 3   ? 9
						    : t == 0 ? 4
						    : t == 2 ? 2
							     : 1);
			     skipped++)
				at += utf8_decode(str_slice(pool, at, pool.len), &scalar);
			size_t len = utf8_decode(str_slice(pool, at, pool.len), &scalar);
			buf_append(&value, pool.ptr + at, len);
			header_text(&out, "Subject", buf_str(&value));
			check_shape(buf_str(&out), 76);
			struct str body = str_slice(buf_str(&out), 8, out.len);
			if (str_starts_with(str_trim(body), STR("=?"))) {
				decode_words(body, &back);
				assert_true(str_equals(buf_str(&back), str_trim(buf_str(&value))));
			}
			buf_done(&out);
			buf_done(&back);
		}
		buf_done(&value);
	}
}

static void long_text_folds(void **state)
{
	(void)state;
	struct buf value, out;
	start(&value);
	start(&out);
	for (int i = 0; i < 300; i++)
		buf_appendf(&value, "word%d ", i);
	header_text(&out, "Subject", buf_str(&value));
	check_shape(buf_str(&out), 76);
	buf_clear(&value);
	buf_clear(&out);
	for (int i = 0; i < 2000; i++)
		buf_append_char(&value, 'x');
	header_text(&out, "Subject", buf_str(&value));
	check_shape(buf_str(&out), 76);
	buf_clear(&out);
	header_structured(&out, "X-Long", buf_str(&value));
	check_shape(buf_str(&out), 998);
	buf_clear(&value);
	buf_clear(&out);
	for (int i = 0; i < 1500; i++)
		buf_append_char(&value, i == 9 || i == 400 ? 'x' : '\x01');
	header_structured(&out, "X-Spaces", buf_str(&value));
	check_shape(buf_str(&out), 998);
	buf_clear(&value);
	buf_clear(&out);
	buf_append_char(&value, 'a');
	for (int i = 0; i < 1500; i++)
		buf_append_char(&value, ' ');
	buf_append_char(&value, 'b');
	header_text(&out, "Subject", buf_str(&value));
	check_shape(buf_str(&out), 76);
	buf_done(&value);
	buf_done(&out);
}

static void mailboxes(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		const char *address;
		const char *want;
	} cases[] = {
		{"", "a@b.cn", "To: a@b.cn\r\n"},
		{"Anna Maria", "a@b.cn", "To: Anna Maria <a@b.cn>\r\n"},
		{"Smith, \"Bob\" \\o/ (x)", "a@b.cn",
		 "To: \"Smith, \\\"Bob\\\" \\\\o/ (x)\" <a@b.cn>\r\n"},
		{"a@evil.com;", "a@b.cn", "To: \"a@evil.com;\" <a@b.cn>\r\n"},
		{"a  b", "a@b.cn", "To: \"a  b\" <a@b.cn>\r\n"},
		{"张三", "a@b.cn", "To: =?UTF-8?B?5byg5LiJ?= <a@b.cn>\r\n"},
		{"张三\r\nBcc: x@y.z", "a@b.cn",
		 "To: =?UTF-8?B?5byg5LiJICBCY2M6IHhAeS56?= <a@b.cn>\r\n"},
		{" \r\n ", "a@b.cn", "To: a@b.cn\r\n"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf out;
		struct mailbox mailbox = {str_from(cases[i].name), str_from(cases[i].address)};
		start(&out);
		header_mailbox(&out, "To", &mailbox);
		assert_string_equal(out.data, cases[i].want);
		check_shape(buf_str(&out), 76);
		buf_done(&out);
	}
	struct buf out;
	start(&out);
	header_list_id(&out, STR("公告 news"), STR("news.example.com"));
	assert_string_equal(out.data,
			    "List-Id: =?UTF-8?B?5YWs5ZGKIG5ld3M=?= <news.example.com>\r\n");
	buf_clear(&out);
	header_list_id(&out, STR(""), STR("news.example.com"));
	assert_string_equal(out.data, "List-Id: <news.example.com>\r\n");
	buf_done(&out);
}

static void dates(void **state)
{
	(void)state;
	static const struct {
		int64_t unix_s;
		int zone;
		const char *want;
	} cases[] = {
		{0, 0, "Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n"},
		{1798761599, 480, "Date: Fri, 01 Jan 2027 07:59:59 +0800\r\n"},
		{1709164800, -210, "Date: Wed, 28 Feb 2024 20:30:00 -0330\r\n"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf out;
		start(&out);
		header_date(&out, cases[i].unix_s, cases[i].zone);
		assert_string_equal(out.data, cases[i].want);
		buf_done(&out);
	}
}

static void what_fits_a_header(void **state)
{
	(void)state;
	static const char *const addresses[] = {"a@b", "a.b+c@d.example", "\"a b\"@x.y",
						"\"a\\\"b\"@x.y", "a@[192.0.2.1]"};
	static const char *const no_addresses[] = {
		"",	   "a",	    "@b",    "a@",     "a b@c",	       "a@b c",	    "a@b>",
		"a\r\n@b", "a,b@c", "a@b,c", "a(b)@c", "\"a\"b\"@c",   "\"a\\\"@c", "张@b",
		"a@张",	   "a;b@c", "<a@b",  "a\t@b",  "\"a\r\nb\"@c", "a@b@c d"};
	for (size_t i = 0; i < ARRAY_LEN(addresses); i++)
		assert_true(header_address_is_safe(str_from(addresses[i])));
	for (size_t i = 0; i < ARRAY_LEN(no_addresses); i++)
		assert_false(header_address_is_safe(str_from(no_addresses[i])));
	assert_true(header_message_id_is_valid(STR("c1.r2$x@mail.example.com")));
	assert_false(header_message_id_is_valid(STR("a b@c")));
	assert_false(header_message_id_is_valid(STR("a@b>\r\nX: y")));
	assert_false(header_message_id_is_valid(STR("ab")));
	assert_true(header_name_is_valid(STR("X-Id")));
	assert_false(header_name_is_valid(STR("X Id")));
	assert_false(header_name_is_valid(STR("X:")));
	assert_false(header_name_is_valid(STR("")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_is_bare_or_encoded),
		cmocka_unit_test(no_character_is_split),
		cmocka_unit_test(long_text_folds),
		cmocka_unit_test(mailboxes),
		cmocka_unit_test(dates),
		cmocka_unit_test(what_fits_a_header),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
