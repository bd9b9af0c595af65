/* SPDX-License-Identifier: MIT */
/* Addresses: what is forgiven, what is refused and why, what goes on the wire and what is the key.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "engine/base/address.h"

#define A50 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeee"
#define A60 A50 "ffffffffff"

static const struct {
	const char *text;
	const char *want_mailbox;
	const char *want_key;
} accepted[] = {
	{"a@qq.com", "a@qq.com", "a@qq.com"},
	{"  Wang.Wei@QQ.Com\t", "Wang.Wei@qq.com", "wang.wei@qq.com"},
	{"O'Brien+tag@Example.ORG", "O'Brien+tag@example.org", "o'brien+tag@example.org"},
	{"a%b@c.example", "a%b@c.example", "a%b@c.example"},
	{"12345＠qq．com", "12345@qq.com", "12345@qq.com"},
	{"zhang@163。com", "zhang@163.com", "zhang@163.com"},
	{"ｚｈａｎｇ＠１６３｡ｃｏｍ", "zhang@163.com", "zhang@163.com"},
	{"　a@b.cn　", "a@b.cn", "a@b.cn"},
	{"\xEF\xBB\xBF"
	 "a@b.cn",
	 "a@b.cn", "a@b.cn"},
	{"a@b.cn\xE2\x80\x8B", "a@b.cn", "a@b.cn"},
	{"\xC2\xA0"
	 "a@b.cn\xC2\xA0",
	 "a@b.cn", "a@b.cn"},
	{"\"Wang, Wei\" <wang@b.cn>", "wang@b.cn", "wang@b.cn"},
	{"王伟 <wang@b.cn>", "wang@b.cn", "wang@b.cn"},
	{"王伟＜wang@b.cn＞", "wang@b.cn", "wang@b.cn"},
	{"wang@b.cn <Wang@b.cn>", "Wang@b.cn", "wang@b.cn"},
	{"\"a<b>c\" <x@b.cn>", "x@b.cn", "x@b.cn"},
	{"<x@b.cn>", "x@b.cn", "x@b.cn"},
	{"mailto:x@b.cn", "x@b.cn", "x@b.cn"},
	{"\"a b\"@x.example", "\"a b\"@x.example", "\"a b\"@x.example"},
	{"\"A@B\"@x.example", "\"A@B\"@x.example", "\"a@b\"@x.example"},
	{"\"A.b\"@x.example", "A.b@x.example", "a.b@x.example"},
	{"\"a\\b\"@x.example", "ab@x.example", "ab@x.example"},
	{"\"a\\ \\\"b\"@x.example", "\"a \\\"b\"@x.example", "\"a \\\"b\"@x.example"},
	{"\"a\\\\\"@x.example", "\"a\\\\\"@x.example", "\"a\\\\\"@x.example"},
	{"a@Bücher.example", "a@xn--bcher-kva.example", "a@xn--bcher-kva.example"},
	{"a@例子.中国", "a@xn--fsqu00a.xn--fiqs8s", "a@xn--fsqu00a.xn--fiqs8s"},
	{"a@XN--FSQU00A.cn", "a@xn--fsqu00a.cn", "a@xn--fsqu00a.cn"},
	{"a@a--b.example", "a@a--b.example", "a@a--b.example"},
	{A60 "abcd@b.cn", A60 "abcd@b.cn", A60 "abcd@b.cn"},
};

static void accepted_addresses_have_a_mailbox_and_a_key(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(accepted); i++) {
		struct address a;
		enum address_reason got = address_parse(str_from(accepted[i].text), &a);
		if (got != ADDRESS_OK)
			fail_msg("%s: %s", accepted[i].text, address_reason_name(got));
		assert_string_equal(a.mailbox, accepted[i].want_mailbox);
		assert_string_equal(a.key, accepted[i].want_key);
		assert_int_equal(a.len, strlen(a.mailbox));
		assert_int_equal(a.len, strlen(a.key));
		assert_false(a.needs_smtputf8);
	}
}

static const struct {
	struct str text;
	enum address_reason want;
} refused[] = {
	{STR_INIT(""), ADDRESS_EMPTY},
	{STR_INIT("　 \t"), ADDRESS_EMPTY},
	{STR_INIT("\xE2\x80\x8B"), ADDRESS_EMPTY},
	{STR_INIT("<>"), ADDRESS_EMPTY},
	{STR_INIT("a\xFF@b.cn"), ADDRESS_NOT_UTF8},
	{STR_INIT("a@b.cn\r\nRCPT TO:<c@d.cn>"), ADDRESS_CONTROL},
	{STR_INIT("a@x>\r\nRCPT TO:<b@y"), ADDRESS_CONTROL},
	{STR_INIT("a\0b@b.cn"), ADDRESS_CONTROL},
	{STR_INIT("a\xC2\x85@b.cn"), ADDRESS_CONTROL},
	{STR_INIT("wang.b.cn"), ADDRESS_NO_AT},
	{STR_INIT("a@b.cn;c@d.cn"), ADDRESS_MANY},
	{STR_INIT("a@b.cn, c@d.cn"), ADDRESS_MANY},
	{STR_INIT("a <a@b.cn>, b <c@d.cn>"), ADDRESS_MANY},
	{STR_INIT("wang wei@b.cn"), ADDRESS_SPACE},
	{STR_INIT("a@ b.cn"), ADDRESS_SPACE},
	{STR_INIT("a <b@c.cn"), ADDRESS_BRACKETS},
	{STR_INIT("a@x.cn> SIZE=1 <b@c.cn>"), ADDRESS_BRACKETS},
	{STR_INIT("<a@b.cn> x"), ADDRESS_BRACKETS},
	{STR_INIT("@b.cn"), ADDRESS_NO_LOCAL},
	{STR_INIT("\"\"@b.cn"), ADDRESS_NO_LOCAL},
	{STR_INIT(A60 "abcde@b.cn"), ADDRESS_LOCAL_TOO_LONG},
	{STR_INIT("a(b)@b.cn"), ADDRESS_LOCAL_CHAR},
	{STR_INIT("a,b@b.cn"), ADDRESS_LOCAL_CHAR},
	{STR_INIT("a:b@b.cn"), ADDRESS_LOCAL_CHAR},
	{STR_INIT("\"a> SIZE=1\"@b.cn"), ADDRESS_LOCAL_CHAR},
	{STR_INIT(".a@b.cn"), ADDRESS_LOCAL_DOT},
	{STR_INIT("a.@b.cn"), ADDRESS_LOCAL_DOT},
	{STR_INIT("a..b@b.cn"), ADDRESS_LOCAL_DOT},
	{STR_INIT("\"a@b.cn"), ADDRESS_QUOTE},
	{STR_INIT("a\"b\"@b.cn"), ADDRESS_QUOTE},
	{STR_INIT("\"a\"b@b.cn"), ADDRESS_QUOTE},
	{STR_INIT("\"a\\\"@b.cn"), ADDRESS_QUOTE},
	{STR_INIT("a@"), ADDRESS_NO_DOMAIN},
	{STR_INIT("u@[127.0.0.1]"), ADDRESS_LITERAL},
	{STR_INIT("u@[IPv6:::1]"), ADDRESS_LITERAL},
	{STR_INIT("u@127.0.0.1"), ADDRESS_LITERAL},
	{STR_INIT("a@localhost"), ADDRESS_DOMAIN_NO_DOT},
	{STR_INIT("a@b.cn."), ADDRESS_DOMAIN_END_DOT},
	{STR_INIT("a@b.cn。"), ADDRESS_DOMAIN_END_DOT},
	{STR_INIT("a@.b.cn"), ADDRESS_DOMAIN_LABEL},
	{STR_INIT("a@b..cn"), ADDRESS_DOMAIN_LABEL},
	{STR_INIT("a@-b.cn"), ADDRESS_DOMAIN_LABEL},
	{STR_INIT("a@b-.cn"), ADDRESS_DOMAIN_LABEL},
	{STR_INIT("a@b_c.cn"), ADDRESS_DOMAIN_CHAR},
	{STR_INIT("u@x.cn:25"), ADDRESS_DOMAIN_CHAR},
	{STR_INIT("a@b.cn,"), ADDRESS_DOMAIN_CHAR},
	{STR_INIT("a@" A60 "abcd.cn"), ADDRESS_DOMAIN_TOO_LONG},
	{STR_INIT("a@" A60 "." A60 "." A60 "." A60 "." A60), ADDRESS_DOMAIN_TOO_LONG},
	{STR_INIT(A60 "@" A60 "." A60 "." A60 "." A50 ".cn"), ADDRESS_TOO_LONG},
	{STR_INIT("a@xn--0.cn"), ADDRESS_DOMAIN_IDN},
	{STR_INIT("a@\xE2\x98\xBA.cn"), ADDRESS_DOMAIN_IDN},
};

static void refused_addresses_say_why(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		struct address a;
		enum address_reason got = address_parse(refused[i].text, &a);
		if (got != refused[i].want)
			fail_msg("%.*s: got %s, want %s", STR_ARG(refused[i].text),
				 address_reason_name(got), address_reason_name(refused[i].want));
		assert_true(strlen(address_reason_sentence(got)) > 10);
	}
}

static void a_local_part_in_chinese_needs_smtputf8(void **state)
{
	(void)state;
	struct address a;
	assert_int_equal(address_parse(str_from("用户.Wang@例子.中国"), &a), ADDRESS_OK);
	assert_true(a.needs_smtputf8);
	assert_string_equal(a.mailbox, "用户.Wang@xn--fsqu00a.xn--fiqs8s");
	assert_string_equal(a.key, "用户.wang@xn--fsqu00a.xn--fiqs8s");
	assert_true(str_equals(address_local(&a), str_from("用户.Wang")));
	assert_true(str_equals(address_domain(&a), str_from("xn--fsqu00a.xn--fiqs8s")));
}

static void domains_are_shown_as_people_write_them(void **state)
{
	(void)state;
	char shown[ADDRESS_DOMAIN_MAX + 1];
	address_display_domain(STR("xn--fsqu00a.xn--fiqs8s"), shown, sizeof(shown));
	assert_string_equal(shown, "例子.中国");
	address_display_domain(STR("qq.com"), shown, sizeof(shown));
	assert_string_equal(shown, "qq.com");
	address_display_domain(STR("xn--0.cn"), shown, sizeof(shown));
	assert_string_equal(shown, "xn--0.cn");
}

static void bare_domains_fold_alike(void **state)
{
	(void)state;
	char folded[ADDRESS_DOMAIN_MAX + 1] = "kept";
	assert_int_equal(address_fold_domain(STR("no dot"), folded), ADDRESS_DOMAIN_NO_DOT);
	assert_string_equal(folded, "kept");
	assert_int_equal(address_fold_domain(str_from(" QQ。Com "), folded), ADDRESS_OK);
	assert_string_equal(folded, "qq.com");
	assert_int_equal(address_fold_domain(STR(""), folded), ADDRESS_NO_DOMAIN);
}

static void typos_get_a_hint_and_good_domains_none(void **state)
{
	(void)state;
	assert_true(str_equals(address_typo_hint(STR("gmial.com")), STR("gmail.com")));
	assert_true(str_equals(address_typo_hint(STR("QQ.con")), STR("qq.com")));
	assert_true(str_is_empty(address_typo_hint(STR("qq.com"))));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(accepted_addresses_have_a_mailbox_and_a_key),
		cmocka_unit_test(refused_addresses_say_why),
		cmocka_unit_test(a_local_part_in_chinese_needs_smtputf8),
		cmocka_unit_test(domains_are_shown_as_people_write_them),
		cmocka_unit_test(bare_domains_fold_alike),
		cmocka_unit_test(typos_get_a_hint_and_good_domains_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
