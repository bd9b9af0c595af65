/* SPDX-License-Identifier: MIT */
/* What is said of a lane's numbers, waits and changes; English is the entry's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "scheduler/report/lane_say.h"

#define NOW INT64_C(1795305483000000)

typedef void (*say_entry)(const struct lane_saying *w, const json_t *entry, struct buf *out);

static void says(say_entry say, enum language language, const char *entry, const char *want)
{
	const struct lane_saying w = {language, NOW, "mx1/qq"};
	json_t *parsed = json_loads(entry, 0, NULL);
	struct buf text;
	assert_non_null(parsed);
	buf_init(&text, 4096);
	say(&w, parsed, &text);
	if (!str_equals(buf_str(&text), str_from(want)))
		fail_msg("%.*s", STR_ARG(buf_str(&text)));
	buf_done(&text);
	json_decref(parsed);
}

struct sentence {
	const char *entry, *want_zh;
};

static void all(say_entry say, const struct sentence *cases, size_t count)
{
	for (size_t i = 0; i < count; i++)
		says(say, LANGUAGE_ZH, cases[i].entry, cases[i].want_zh);
}

static void numbers_are_said(void **state)
{
	(void)state;
	static const struct sentence cases[] = {
		{"{\"level\":\"lane\",\"kind\":\"connections\",\"per\":null,\"count\":5,"
		 "\"origin\":\"profile\",\"left_ms\":null}",
		 "5 个连接（服务商配置）"},
		{"{\"level\":\"source\",\"kind\":\"rate\",\"per\":\"h\",\"count\":9,"
		 "\"origin\":\"operator\",\"limit_id\":3,\"left_ms\":60000}",
		 "每小时 9 封（人工设定，限制 3），剩余 1 分钟"},
		{"{\"level\":\"lane\",\"kind\":\"rate\",\"per\":\"s\",\"count\":0,"
		 "\"origin\":\"back-off\",\"left_ms\":60000}",
		 "不发送：按收件方要求暂停发送，剩余 1 分钟"},
		{"{\"level\":\"lane\",\"kind\":\"new-connections\",\"per\":\"day\","
		 "\"count\":7,\"origin\":\"slice\"}",
		 "每天 7 个新连接（本节点份额）"},
		{"{\"level\":\"lane\",\"kind\":\"connections\",\"count\":4,"
		 "\"origin\":\"start\"}",
		 "4 个连接（从起始值起逐步试探）"},
		{"{\"says\":\"something new\"}", "something new"},
	};
	all(lane_say_cap, cases, ARRAY_LEN(cases));
	says(lane_say_cap, LANGUAGE_EN,
	     "{\"level\":\"lane\",\"kind\":\"connections\",\"says\":\"5 connections\"}",
	     "5 connections");
}

#define OF_LANE "\"level\":\"lane\",\"kind\":\"rate\",\"per\":\"min\","

static void waits_are_said(void **state)
{
	(void)state;
	static const struct sentence cases[] = {
		{"{\"waits\":\"x\",\"wait\":{" OF_LANE
		 "\"count\":85,\"origin\":\"learnt\",\"until\":1795305495000000}}",
		 "等待 12 秒：通道 mx1/qq 已用满 每分钟 85 封（从收件方学到）"},
		{"{\"waits\":\"x\",\"wait\":{" OF_LANE
		 "\"count\":85,\"origin\":\"learnt\",\"until\":1795305483467000}}",
		 "等待不到 1 秒：通道 mx1/qq 已用满 每分钟 85 封（从收件方学到）"},
		/* Told a second ago, and over by now. */
		{"{\"waits\":\"x\",\"wait\":{" OF_LANE
		 "\"count\":85,\"origin\":\"learnt\",\"until\":1795305482500000}}",
		 "等待不到 1 秒：通道 mx1/qq 已用满 每分钟 85 封（从收件方学到）"},
		{"{\"waits\":\"x\",\"wait\":{" OF_LANE "\"count\":0,\"origin\":\"pause\"}}",
		 "等待恢复：通道 mx1/qq 已暂停"},
		{"{\"waits\":\"x\",\"wait\":{\"level\":\"provider\",\"kind\":\"connections\","
		 "\"count\":5,\"origin\":\"operator\",\"limit_id\":4}}",
		 "等待有连接结束：服务商 qq 已用满 5 个连接（人工设定，限制 4）"},
		{"{\"waits\":\"x\",\"wait\":{" OF_LANE
		 "\"count\":0,\"origin\":\"back-off\",\"until\":1795305783000000}}",
		 "等待 5 分钟：通道 mx1/qq 按收件方要求暂停发送"},
		{"{\"waits\":\"x\",\"refused\":{\"host\":\"mx3\",\"said\":\"no\",\"since\":"
		 "1795305483000000,\"next_at\":1795305513000000}}",
		 "mx3 无法连接（no），自 2026-11-22 07:58 起，30 秒后再试"},
		{"{\"waits\":\"waits for x\"}", "waits for x"},
		{"{\"waits\":\"\"}", ""},
	};
	all(lane_say_waits, cases, ARRAY_LEN(cases));
	says(lane_say_waits, LANGUAGE_EN, cases[0].entry, "x");
	says(lane_say_binds, LANGUAGE_EN, "{\"says\":\"waits 1 s\"}", "waits 1 s");
}

static void changes_are_said(void **state)
{
	(void)state;
	static const struct sentence cases[] = {
		{"{\"what\":\"connections\",\"from\":5.0,\"to\":6.0,\"messages\":12,"
		 "\"at\":1795305523000000}",
		 "连接数 5 → 6，还需 12 次顺利答复，不早于 40 秒后"},
		{"{\"what\":\"rate\",\"level\":\"campaign\",\"from\":1.5,\"to\":2}",
		 "任务学到的速率每秒 1.50 → 2.00 封"},
		{"{\"what\":\"rest\",\"at\":1795305783000000}", "收件方要求的暂停结束，5 分钟后"},
		{"{\"what\":\"back-off\"}", "退让结束，可再提速"},
		{"{\"what\":\"probe\"}", "以一封试探收件方是否重新接收"},
		{"{\"what\":\"pause\"}", "暂停结束"},
		{"{\"what\":\"window\",\"from\":100,\"to\":106}",
		 "学到的上限 100 → 106（届时须已用满）"},
		{"{\"what\":\"warm-up\",\"from\":50,\"to\":100}", "预热额度每天 50 → 100 封"},
		{"{\"what\":\"warm-up\",\"from\":50,\"to\":-1}",
		 "预热额度每天 50 封到期，不再限额"},
		{"{\"what\":\"limit\",\"level\":\"source\",\"kind\":\"rate\",\"per\":\"s\","
		 "\"from\":50,\"to\":-1,\"limit_id\":2}",
		 "每秒 50 封（人工设定，限制 2） 到期"},
		{"{\"what\":\"refill\",\"level\":\"lane\",\"kind\":\"rate\",\"per\":\"h\","
		 "\"from\":9}",
		 "每小时 9 封 腾出余量，可发下一封"},
		{"{\"what\":\"limit\",\"from\":50,\"says\":\"of an older node\"}",
		 "of an older node"},
		{"{\"what\":\"other\",\"says\":\"something new\"}", "something new"},
	};
	all(lane_say_change, cases, ARRAY_LEN(cases));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_said),
		cmocka_unit_test(waits_are_said),
		cmocka_unit_test(changes_are_said),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
