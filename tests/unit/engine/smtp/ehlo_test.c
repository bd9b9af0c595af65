/* SPDX-License-Identifier: MIT */
/* Lines of the reply to EHLO, as servers write them; and base64 for AUTH. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "engine/smtp/auth.h"
#include "engine/smtp/dialog.h"
#include "engine/smtp/ehlo.h"

struct line_case {
	const char *line;
	struct ehlo want;
};

static const struct line_case lines[] = {
	{"", {0}},
	{"X-FOO bar", {0}},
	{"PIPELINING", {.extensions = EXTENSION_PIPELINING}},
	{"PipeLining ", {.extensions = EXTENSION_PIPELINING}},
	{"PIPELININGS", {0}},
	{"SIZE", {.extensions = EXTENSION_SIZE}},
	{"SIZE 0", {.extensions = EXTENSION_SIZE}},
	{"size 1000", {.extensions = EXTENSION_SIZE, .size_limit = 1000}},
	{"SIZE 99999999999999999999", {.extensions = EXTENSION_SIZE}},
	{"SIZE much", {.extensions = EXTENSION_SIZE}},
	{"8BITMIME", {.extensions = EXTENSION_8BITMIME}},
	{"SMTPUTF8", {.extensions = EXTENSION_SMTPUTF8}},
	{"STARTTLS", {.extensions = EXTENSION_STARTTLS}},
	{"AUTH", {.extensions = EXTENSION_AUTH}},
	{"AUTH CRAM-MD5 login", {.extensions = EXTENSION_AUTH, .mechanisms = AUTH_LOGIN}},
	{"AUTH=PLAIN LOGIN", {.extensions = EXTENSION_AUTH, .mechanisms = AUTH_PLAIN | AUTH_LOGIN}},
	{"LIMITS RCPTMAX=2 MAILMAX=3", {.extensions = EXTENSION_LIMITS, .mail_limit = 3}},
	{"LIMITS MAILMAX=x", {.extensions = EXTENSION_LIMITS}},
};

static void test_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct ehlo got = {0};
		ehlo_parse_line(&got, str_from(lines[i].line));
		assert_int_equal(got.extensions, lines[i].want.extensions);
		assert_int_equal(got.mechanisms, lines[i].want.mechanisms);
		assert_int_equal(got.size_limit, lines[i].want.size_limit);
		assert_int_equal(got.mail_limit, lines[i].want.mail_limit);
	}
}

struct base64_case {
	struct str plain;
	const char *want;
};

/* RFC 4648 10 */
static const struct base64_case base64[] = {
	{STR_INIT(""), ""},
	{STR_INIT("f"), "Zg=="},
	{STR_INIT("fo"), "Zm8="},
	{STR_INIT("foo"), "Zm9v"},
	{STR_INIT("foobar"), "Zm9vYmFy"},
	{STR_INIT("\xff\xfe\0"), "//4A"},
};

static void test_base64(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(base64); i++) {
		struct buf out;
		buf_init(&out, 100);
		auth_render_base64(&out, base64[i].plain);
		assert_true(str_equals(buf_str(&out), str_from(base64[i].want)));
		buf_done(&out);
	}
}

static void test_credentials(void **state)
{
	(void)state;
	static char long_one[AUTH_LINE_MAX];
	assert_true(auth_is_sound(STR("me"), STR("secret")));
	assert_false(auth_is_sound(STR("m\0e"), STR("secret")));
	assert_false(auth_is_sound(STR("me"), STR("s\0")));
	memset(long_one, 'x', sizeof(long_one));
	assert_false(auth_is_sound(STR("me"), str_of(long_one, sizeof(long_one))));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_base64),
		cmocka_unit_test(test_credentials),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
