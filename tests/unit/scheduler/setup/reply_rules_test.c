/* SPDX-License-Identifier: MIT */
/* Replies as people paste them: whole, cut off after a line, with line ends of all kinds. */
#include "scheduler/setup/reply_rules.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void a_reply_is_read_as_it_was_pasted(void **state)
{
	static const struct {
		const char *reply;
		uint16_t want_code;
		const char *want_text; /* NULL: it is none */
	} cases[] = {
		{"550 5.1.1 no such user", 550, "no such user"},
		{"550-5.1.1 no such\n550 5.1.1 user", 550, "no such user"},
		{"550-5.1.1 no such\r\n550 5.1.1 user\r\n", 550, "no such user"},
		{"421-4.7.0 try again later", 421, "try again later"},
		{"421-4.7.0 try again\r\n421-4.7.0 later", 421, "try again later"},
		{"421-", 421, ""},
		/* As logs and shells have line ends. */
		{"550-5.1.1 no such\\r\\n550 5.1.1 user", 550, "no such user"},
		{"550-5.1.1 no such\\n550 5.1.1 user\\r\\n", 550, "no such user"},
		{"421-4.7.0 try again\\r\\n421-4.7.0 later\\r\\n", 421, "try again later"},
		{"550 see C:\\new\\readme", 550, "see C:\\new\\readme"},
		{"user unknown", 0, NULL},
		{"55-user unknown", 0, NULL},
		{"550 user\n550 unknown", 0, NULL},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf text;
		struct outcome got = {0};
		struct err err;
		buf_init(&text, 1000);
		int result = reply_facts(OUTCOME_WORDS_REMOTE, str_from(cases[i].reply), &text,
					 &got, &err);
		if ((result == 0) != (cases[i].want_text != NULL))
			fail_msg("%s: %s", cases[i].reply, result == 0 ? "is one" : err.text);
		if (result != 0) {
			assert_int_equal(err.kind, ERR_USAGE);
		} else {
			assert_int_equal(got.code, cases[i].want_code);
			if (!str_equals(got.text, str_from(cases[i].want_text)))
				fail_msg("%s: \"%.*s\"", cases[i].reply, STR_ARG(got.text));
		}
		buf_done(&text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reply_is_read_as_it_was_pasted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
