/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "scheduler/campaign/content.h"

static void mailboxes_have_a_name_and_an_address(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		const char *want_name; /* NULL: refused */
		const char *want_address;
	} cases[] = {
		{"a@b.example", "", "a@b.example"},
		{"Shop <a@b.example>", "Shop", "a@b.example"},
		{"\"Shop, Inc.\" <a@b.example>", "Shop, Inc.", "a@b.example"},
		{"商店 <news@Shop.EXAMPLE>", "商店", "news@shop.example"},
		{"<a@b.example>", "", "a@b.example"},
		{"商店@b.example", NULL, NULL},
		{"Shop a@b.example", NULL, NULL},
		{"Shop <a@b.example", NULL, NULL},
		{"a@b.example, c@d.example", NULL, NULL},
		{"Shop\r\nBcc: <a@b.example>", NULL, NULL},
		{"", NULL, NULL},
	};
	struct arena arena;
	arena_init(&arena, 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct mailbox out = {0};
		struct err err = {0};
		int result = content_parse_mailbox(str_from(cases[i].text), &arena, &out, &err);
		assert_int_equal(result, cases[i].want_name ? 0 : -1);
		assert_true(str_equals(out.name, str_from(cases[i].want_name)));
		assert_true(str_equals(out.address, str_from(cases[i].want_address)));
	}
	arena_done(&arena);
}

static void a_source_is_whole_or_says_what_it_lacks(void **state)
{
	(void)state;
	static const struct {
		struct content_request request;
		const char *want; /* in the sentence */
	} cases[] = {
		{{.subject = "s"}, "--from"},
		{{.from = "a@b.example"}, "subject"},
		{{.from = "a@b.example", .subject = "s"}, "nothing to send"},
		{{.from = "a@b.example", .subject = "a\nb"}, "one line"},
		{{.from = "a@b.example", .subject = "\xff"}, "not UTF-8"},
		{{.from = "a@b.example", .subject = "s", .html_path = "/"}, "is a directory"},
		{{.from = "a@b.example", .subject = "s", .text_path = "/dev/null"}, "is empty"},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct content_source source;
		struct err err = {0};
		content_source_init(&source);
		assert_int_equal(content_source_take(&source, &cases[i].request, &err), -1);
		assert_true(str_find(str_from(err.text), str_from(cases[i].want)) >= 0);
		content_source_done(&source);
	}
}

static void media_types_come_from_names(void **state)
{
	(void)state;
	assert_true(str_equals(content_media_type(STR("a.PDF")), STR("application/pdf")));
	assert_true(str_equals(content_media_type(STR("a.pdf.png")), STR("image/png")));
	assert_true(str_equals(content_media_type(STR("pdf")), STR("application/octet-stream")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mailboxes_have_a_name_and_an_address),
		cmocka_unit_test(a_source_is_whole_or_says_what_it_lacks),
		cmocka_unit_test(media_types_come_from_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
