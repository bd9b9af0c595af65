/* SPDX-License-Identifier: MIT */
/* Plain text: what is said stays, how it is written goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "engine/base/utf8.h"
#include "engine/reply/plain.h"

static const struct {
	const char *text;
	const char *want;
} cases[] = {
	{"", ""},
	{"  ", ""},
	{"User Unknown", "user unknown"},
	/* marks: clauses, quotes, dashes, runs of dots */
	{"<bob@example.com>: User \"unknown\".", "{@} user unknown"},
	{"bob@example.com... No such user!", "{@} no such user"},
	{"Rejected. Go away", "rejected; go away"},
	{"a;b", "a; b"},
	{"(see below), sorry", "see below sorry"},
	{"no-such_user/mailbox", "no such user mailbox"},
	{"#5.1.1 x:y 1:2 12:30:00", "5.1.1 x y 1:2 {t}"},
	/* names are tokens */
	{"Client host [192.0.2.1] blocked using zen.spamhaus.org",
	 "client host {i} blocked using {h}"},
	{"see https://example.com/spam?x=1.", "see {u}"},
	{"<bob>... unknown (4F3D12A0B1C)", "{w} unknown {x}"},
	{"RFC 5322", "rfc 5322"},
	{"a {u} b", "a u} b"},
	/* humps, short forms, e-mail */
	{"RecipientNotFound", "recipient not found"},
	{"SMTP", "smtp"},
	{"McAfee", "mcafee"},
	{"can't cannot CANT", "can not can not can not"},
	{"doesn't exist, won't take", "does not exist will not take"},
	{"isn\xE2\x80\x99t here", "is not here"},
	{"recipient's e-mail", "recipient s email"},
	{"E-Mails by e mail", "emails by email"},
	{"the mail", "the mail"},
	/* letters of the world */
	{"Empf\xC3\xA4nger unbekannt, Stra\xC3\x9F"
	 "e",
	 "empfanger unbekannt strasse"},
	{"Bo\xC3\xAEte pleine \xC3\x89t\xC3\xA9", "boite pleine ete"},
	{"Skrzynka pe\xC5\x82na", "skrzynka pelna"},
	{"\xEF\xBC\xB5\xEF\xBD\x93\xEF\xBD\x85\xEF\xBD\x92\xEF\xBC\x81 no", "user; no"},
	{"\xE7\x94\xA8\xE6\x88\xB7\xE3\x80\x82\xE4\xB8\x8D\xE5\xAD\x98\xE5\x9C\xA8",
	 "\xE7\x94\xA8\xE6\x88\xB7; \xE4\xB8\x8D\xE5\xAD\x98\xE5\x9C\xA8"},
	{"e\xCC\x81t\xC3\xA9", "ete"},
};

static void says_the_same_however_it_is_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf out;
		buf_init(&out, 4096);
		plain_append(str_from(cases[i].text), &out);
		assert_string_equal(out.len ? out.data : "", cases[i].want);
		buf_done(&out);
	}
}

static void any_text_gives_valid_text_within_bounds(void **state)
{
	(void)state;
	static const char *const units[] = {"a.",
					    "!",
					    "n't ",
					    "aaB",
					    "<a>",
					    "\xC3\x9F",
					    "\xE3\x80\x82",
					    "e-mail",
					    "1:2",
					    "{",
					    "abcdefghijklmnopqrstuvwxyz"};
	for (size_t u = 0; u < ARRAY_LEN(units); u++) {
		struct buf text, out;
		buf_init(&text, 4096);
		for (size_t i = 0; i < 100; i++)
			buf_append_cstr(&text, units[u]);
		buf_init(&out, text.len * 6 + 1);
		plain_append(buf_str(&text), &out);
		assert_false(out.is_truncated);
		assert_true(utf8_is_valid(buf_str(&out)));
		buf_done(&text);
		buf_done(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_the_same_however_it_is_written),
		cmocka_unit_test(any_text_gives_valid_text_within_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
