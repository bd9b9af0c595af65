/* SPDX-License-Identifier: MIT */
/* Templates of replies: what is taken out, what stays, and that nothing is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "engine/reply/normalise.h"

static const struct {
	const char *text;
	const char *want_template;
	const char *want_parts;
} cases[] = {
	{"", "", ""},
	{"ok", "ok", ""},
	{"<bob@example.com>: Recipient address rejected: User unknown",
	 "<{address}>: Recipient address rejected: User unknown", "bob@example.com\n"},
	{"<bob>... User unknown", "<{name}>... User unknown", "bob\n"},
	{"Client host [192.0.2.1] blocked using zen.spamhaus.org; "
	 "https://www.spamhaus.org/query/ip/192.0.2.1",
	 "Client host [{ip}] blocked using {host}; {url}",
	 "192.0.2.1\nzen.spamhaus.org\nhttps://www.spamhaus.org/query/ip/192.0.2.1\n"},
	{"from 2001:db8::1 at 12:30:05.", "from {ip} at {time}.", "2001:db8::1\n12:30:05\n"},
	{"IP=192.0.2.1, hostid=smtp13&time=1480000000", "IP={ip}, hostid=smtp13&time={n}",
	 "192.0.2.1\n1480000000\n"},
	{"queued as 4F3D12A0B1C", "queued as {id}", "4F3D12A0B1C\n"},
	{"d9443c01a7336-20020a17 - gsmtp", "{id} - gsmtp", "d9443c01a7336-20020a17\n"},
	{"try again in 300 seconds or 300s", "try again in {n} seconds or {n}", "300\n300s\n"},
	{"[TSS04] block list (S3140) OFR_416 5.7.1 #4.4.5",
	 "[TSS04] block list (S3140) OFR_416 5.7.1 #4.4.5", ""},
	{"AS201806281 RESOLVER.ADR.RecipientNotFound HL:ITC",
	 "AS201806281 RESOLVER.ADR.RecipientNotFound HL:ITC", ""},
	{"a {url} b", "a {brace}url} b", "{\n"},
	{"\xE7\x94\xA8\xE6\x88\xB7 bob@example.com", "\xE7\x94\xA8\xE6\x88\xB7 {address}",
	 "bob@example.com\n"},
	{"2026-05-04T12:30:05.123Z 2026/05/04", "{time} {time}",
	 "2026-05-04T12:30:05.123Z\n2026/05/04\n"},
};

static void takes_out_what_varies_and_gives_it_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf template, parts, again;
		buf_init(&template, 4096);
		buf_init(&parts, 4096);
		buf_init(&again, 4096);
		normalise(str_from(cases[i].text), STR(""), &template, &parts);
		assert_string_equal(template.len ? template.data : "", cases[i].want_template);
		assert_string_equal(parts.len ? parts.data : "", cases[i].want_parts);
		template_restore(buf_str(&template), buf_str(&parts), &again);
		assert_true(str_equals(buf_str(&again), str_from(cases[i].text)));
		buf_done(&template);
		buf_done(&parts);
		buf_done(&again);
	}
}

/* The recipient's own name is no word of the reply, wherever it stands as a whole word. */
static void takes_out_the_recipients_own_name(void **state)
{
	(void)state;
	static const struct {
		const char *name, *text, *want;
	} own[] = {
		{"left2832", "Mr left2832 quit, left2832.", "Mr {name} quit, {name}."},
		{"left2832", "no user=left2832 (left28321)", "no user={name} (left28321)"},
		{"li.wei", "mailbox 'li.wei': full; li", "mailbox '{name}': full; li"},
		{"bob", "bob has left", "bob has left"},
		{"left2832", "<left2832@qq.com> left2833", "<{address}> left2833"},
		{"10086123", "no 10086123 in 300 s", "no {name} in {n} s"},
		{"", "quit", "quit"},
	};
	for (size_t i = 0; i < ARRAY_LEN(own); i++) {
		struct buf template, parts, again;
		buf_init(&template, 4096);
		buf_init(&parts, 4096);
		buf_init(&again, 4096);
		normalise(str_from(own[i].text), str_from(own[i].name), &template, &parts);
		assert_string_equal(template.data, own[i].want);
		template_restore(buf_str(&template), buf_str(&parts), &again);
		assert_true(str_equals(buf_str(&again), str_from(own[i].text)));
		buf_done(&template);
		buf_done(&parts);
		buf_done(&again);
	}
}

static void hash_is_the_same_for_ever(void **state)
{
	(void)state;
	assert_true(template_hash(STR("User {name} unknown")) ==
		    template_hash(STR("User {name} unknown")));
	assert_true(template_hash(STR("a")) != template_hash(STR("b")));
	assert_true(template_hash(STR("mailbox {address} not found")) == 0x9d411426fa82863du);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_out_what_varies_and_gives_it_back),
		cmocka_unit_test(takes_out_the_recipients_own_name),
		cmocka_unit_test(hash_is_the_same_for_ever),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
