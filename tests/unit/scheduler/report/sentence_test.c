/* SPDX-License-Identifier: MIT */
/* English sentences of other layers, in Chinese. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "scheduler/report/sentence.h"

static void says(const char *en, const char *want_zh)
{
	struct buf text;
	buf_init(&text, 4096);
	bool is_known = sentence_zh(str_from(en), &text);
	assert_int_equal(is_known, want_zh != NULL);
	if (!str_equals(buf_str(&text), str_from(want_zh)))
		fail_msg("%.*s", STR_ARG(buf_str(&text)));
	buf_done(&text);
}

static void sentences_are_known_by_their_format(void **state)
{
	(void)state;
	says("nothing was changed", "未做任何更改");
	says("there is no list 'spring'; edm list show lists them",
	     "没有名单 'spring'；edm list show 可列出全部");
	/* A hole may be empty, or hold what stands behind it. */
	says("there is no list ''; edm list show lists them",
	     "没有名单 ''；edm list show 可列出全部");
	says("there is no list 'a'; b'; edm list show lists them",
	     "没有名单 'a'; b'；edm list show 可列出全部");
	/* In another order, and with one left out. */
	says("Sending once more to 1,204 people of campaign spring who may have got it already",
	     "将向任务 spring 的 1,204 人再发一次，他们可能已经收到");
}

static void a_hole_may_be_a_sentence(void **state)
{
	(void)state;
	says("'a b@c.example' is no address: there is a space inside the address",
	     "'a b@c.example' 不是邮箱地址：地址中有空格");
	says("'x' is no address: something new", "'x' 不是邮箱地址：something new");
	says("campaign finished is finished: pause is not possible; possible: resend",
	     "任务 finished 状态为已完成：不能 pause；可以：resend");
	says("412 of 4000 decided attempts at the tail (10.3 %) were blocked or rejected, above "
	     "the limit of 5 % (brake.blocked_percent)",
	     "其他服务商 有结果的 4000 次尝试中 412 次（10.3 %）被拦截或拒收，超过上限 5 "
	     "%（brake.blocked_percent）");
}

static void the_closest_format_wins(void **state)
{
	(void)state;
	says("there is no provider 'x'; edm provider list lists them (a site is named by its host)",
	     "没有服务商 'x'；edm provider list 可列出全部（站点请用其主机名）");
	/* What a sentence within it knows counts, too. */
	says("there is no option --what; see: edm pauses --help",
	     "没有选项 --what；用法：edm pauses --help");
	says("/data is not reachable: no route; edm init or edm run starts it",
	     "无法连接 /data：no route；edm init 或 edm run 可启动它");
}

static void what_is_not_known_stays(void **state)
{
	(void)state;
	says("", NULL);
	says("something new", NULL);
	says("nothing was changed.", NULL);
	says("there is no list 'spring'; edm list show lists", NULL);
}

/* A sentence as the format would make it. */
static void make(const char *format, struct buf *out)
{
	for (; *format != '\0'; format++) {
		bool is_hole = format[0] == '%' && format[1] != '%';
		buf_append_char(out, is_hole ? '7' : *format);
		format += format[0] == '%';
	}
}

/* The beginning of the Chinese, up to its first hole. */
static struct str beginning(const char *zh)
{
	struct str rest = str_from(zh);
	return str_take_until(&rest, '%');
}

/* No pair stands in the shade of another. */
static void every_pair_can_be_said(void **state)
{
	(void)state;
	size_t count;
	const struct sentence_pair *pairs = sentence_pairs(&count);
	assert_true(count > 100);
	for (size_t i = 0; i < count; i++) {
		struct buf en, zh;
		buf_init(&en, 4096);
		buf_init(&zh, 4096);
		make(pairs[i].en, &en);
		assert_true(sentence_zh(buf_str(&en), &zh));
		if (!str_starts_with(buf_str(&zh), beginning(pairs[i].zh)))
			fail_msg("%s is told as %s", pairs[i].en, zh.data);
		buf_done(&en);
		buf_done(&zh);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sentences_are_known_by_their_format),
		cmocka_unit_test(a_hole_may_be_a_sentence),
		cmocka_unit_test(the_closest_format_wins),
		cmocka_unit_test(what_is_not_known_stays),
		cmocka_unit_test(every_pair_can_be_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
