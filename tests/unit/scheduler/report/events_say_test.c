/* SPDX-License-Identifier: MIT */
/* Events in words, in two languages. */
#include "scheduler/report/events_say.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void assert_said(struct buf *text, const char *want)
{
	assert_string_equal(text->data != NULL ? text->data : "", want);
	buf_clear(text);
}

static void what_and_about_have_chinese_words(void **state)
{
	static const struct {
		const char *verb, *object, *want_what, *want_about;
	} cases[] = {
		{"limit set", "limit:lane mx1/qq", "设置限制", "限制：通道 mx1/qq"},
		{"limit undo", "limit:each lane to qq", "撤销限制改动", "限制：发往 qq 的每个通道"},
		{"limit forget", "lane:mx1/qq", "清除学习到的限制", "通道 mx1/qq"},
		{"limit set", "limit:a.example at qq", "设置限制", "限制：a.example at qq"},
		{"pause", "source:mx1 provider:qq", "暂停", "发信源 mx1 服务商 qq"},
		{"pause", "all", "暂停", "全部"},
		{"campaign start", "campaign:spring", "启动任务", "任务 spring"},
		{"rules apply", "rules", "按新规则重判", "规则"},
		{"invented later", "thing:x", "invented later", "thing:x"},
	};
	struct buf text;
	(void)state;
	buf_init(&text, 1000);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		events_say_what(str_from(cases[i].verb), LANGUAGE_ZH, &text);
		assert_said(&text, cases[i].want_what);
		events_say_about(str_from(cases[i].object), LANGUAGE_ZH, &text);
		assert_said(&text, cases[i].want_about);
		/* English is what --kind and --about take. */
		events_say_what(str_from(cases[i].verb), LANGUAGE_EN, &text);
		assert_said(&text, cases[i].verb);
		events_say_about(str_from(cases[i].object), LANGUAGE_EN, &text);
		assert_said(&text, cases[i].object);
	}
	buf_done(&text);
}

struct detail_case {
	const char *verb, *detail, *want_en, *want_zh;
};

static void details_are_said(const struct detail_case *cases, size_t count)
{
	struct buf text;
	buf_init(&text, 1000);
	for (size_t i = 0; i < count; i++) {
		json_t *detail = json_loads(cases[i].detail, JSON_DECODE_ANY, NULL);
		events_say_detail(str_from(cases[i].verb), detail, LANGUAGE_EN, &text);
		assert_said(&text, cases[i].want_en);
		events_say_detail(str_from(cases[i].verb), detail, LANGUAGE_ZH, &text);
		assert_said(&text, cases[i].want_zh);
		json_decref(detail);
	}
	buf_done(&text);
}

static void a_limit_is_told_as_it_is_typed(void **state)
{
	static const struct detail_case cases[] = {
		{"limit set", "{\"id\":7,\"kind\":3,\"n\":100,\"period_ms\":60000,\"was\":50}",
		 "rate=100/min, was 50, limit 7", "rate=100/min，原为 50，限制 7"},
		{"limit set",
		 "{\"id\":8,\"kind\":1,\"n\":5,\"period_ms\":0,\"was\":null,"
		 "\"until\":\"2026-12-01T09:00:00.12+00:00\"}",
		 "connections=5, until 2026-12-01 09:00 UTC, limit 8",
		 "connections=5，至 2026-12-01 17:00，限制 8"},
		{"limit set",
		 "{\"id\":8,\"kind\":1,\"n\":5,\"period_ms\":0,"
		 "\"until\":\"2026-12-01T17:00:00+08:00\"}",
		 "connections=5, until 2026-12-01 09:00 UTC, limit 8",
		 "connections=5，至 2026-12-01 17:00，限制 8"},
		{"limit unset", "{\"id\":7,\"kind\":2,\"n\":3,\"period_ms\":3600000}",
		 "new-connections=3/h, limit 7", "new-connections=3/h，限制 7"},
		{"limit undo",
		 "{\"id\":7,\"kind\":3,\"n\":100,\"period_ms\":60000,\"was_set\":true,"
		 "\"restored\":9}",
		 "undone: setting rate=100/min, limit 7; in force instead: limit 9",
		 "撤销设置 rate=100/min，限制 7；限制 9 重新生效"},
		{"limit undo",
		 "{\"id\":7,\"kind\":4,\"n\":20,\"period_ms\":0,\"was_set\":false,"
		 "\"restored\":null}",
		 "undone: unsetting messages-per-connection=20, limit 7; nothing is in force "
		 "instead",
		 "撤销取消 messages-per-connection=20，限制 7；没有恢复其他限制"},
		/* As written by an older version. */
		{"limit undo", "{\"restored\":9}", "restored 9", "恢复 9"},
	};
	(void)state;
	details_are_said(cases, ARRAY_LEN(cases));
}

static void details_are_words(void **state)
{
	static const struct detail_case cases[] = {
		{"list import", "{\"rows\":40,\"added\":38,\"refused\":2,\"import\":7}",
		 "rows 40, added 38, refused 2, import 7", "行数 40，新增 38，拒绝 2，导入编号 7"},
		{"list import", "{\"rows\":4,\"added\":0,\"updated\":0,\"unchanged\":4}",
		 "rows 4, added 0, unchanged 4", "行数 4，新增 0，未变 4"},
		{"suppress undo", "{\"removed\":12,\"import\":3}", "removed 12, import 3",
		 "移除 12，导入编号 3"},
		{"source add",
		 "{\"ehlo\":\"mx1.test\",\"node\":null,\"pool\":\"default\",\"weight\":1}",
		 "ehlo mx1.test, pool default, weight 1", "ehlo mx1.test，IP 池 default，权重 1"},
		{"suppress import", "{\"rows\":2,\"added\":1,\"already\":1}",
		 "rows 2, added 1, already 1", "行数 2，新增 1，已抑制或重复 1"},
		{"init", "{\"version\":\"0.1.0\",\"migrations\":16}",
		 "version 0.1.0, migrations 16", "版本 0.1.0，迁移 16"},
		{"limit forget", "{\"learnt\":{},\"of\":\"spring\",\"lanes\":[]}", "of spring",
		 "对象 spring"},
		{"warmup plan", "{\"plan\":[50,100]}", "plan 50 100", "计划 50 100"},
		{"warmup plan", "{\"plan\":\"warm\"}", "plan warm", "计划 warm"},
		{"provider set", "{\"limits\":{\"connections\":5,\"rate\":\"9/s\"}}",
		 "limits (connections 5, rate 9/s)", "限制 （connections 5，rate 9/s）"},
		{"config set", "{\"was\":null,\"value\":\"1min,2min\"}", "1min,2min", "1min,2min"},
		{"config set", "{\"was\":\"5min\",\"value\":\"1min\"}", "1min, was 5min",
		 "1min，原为 5min"},
		{"config unset", "{\"was\":\"5min\"}", "was 5min", "原为 5min"},
		{"campaign schedule", "{\"from\":1,\"to\":2}", "draft → scheduled",
		 "草稿 → 已排期"},
		{"campaign start", "{\"late\":false}", "", ""},
		{"campaign pause", "{\"late\":true}", "late", "迟到"},
		{"campaign edit", "{\"content_version\":2}", "content version 2", "内容版本 2"},
		{"pause", "{\"id\":7,\"until\":\"2026-12-01T09:00:00.12+00:00\"}",
		 "pause 7, until 2026-12-01 09:00 UTC", "暂停 7，至 2026-12-01 17:00"},
		{"pause", "{\"id\":7,\"until\":\"2026-12-01T03:30:00-05:30\"}",
		 "pause 7, until 2026-12-01 09:00 UTC", "暂停 7，至 2026-12-01 17:00"},
		{"pause", "{\"id\":7,\"until\":\"infinity\"}", "pause 7, until infinity",
		 "暂停 7，至 infinity"},
		{"resume",
		 "{\"pause_id\":7,\"origin\":1,\"provider\":\"qq\",\"campaign\":\"spring\","
		 "\"campaign_id\":4,\"source_name\":null}",
		 "provider qq, campaign spring", "服务商 qq，任务 spring"},
		{"later", "{\"a_b\":1.5,\"c\":[{\"d\":true}]}", "a b 1.5, c (d)",
		 "a b 1.5，c （d）"},
		{"pause", "null", "", ""},
	};
	(void)state;
	details_are_said(cases, ARRAY_LEN(cases));
}

static void a_profile_is_told_with_what_it_was(void **state)
{
	static const struct detail_case cases[] = {
		{"provider set",
		 "{\"id\":3,\"set\":{\"limits\":{\"connections\":2},\"verp\":false},"
		 "\"was\":{\"limits\":{\"connections\":null},\"verp\":true},"
		 "\"until\":\"2026-12-01T09:00:00+00:00\"}",
		 "connections=2 verp=off, was connections=- verp=on, until 2026-12-01 09:00 UTC, "
		 "change 3",
		 "connections=2 verp=off，原为 connections=- verp=on，至 2026-12-01 17:00，"
		 "改动 3"},
		{"provider undo",
		 "{\"id\":4,\"undone\":3,\"set\":{\"tls\":null},\"was\":{\"tls\":\"none\"},"
		 "\"until\":null}",
		 "undone: change 3: tls=-, was tls=none, change 4",
		 "撤销改动 3：tls=-，原为 tls=none，改动 4"},
		/* As written by an older version. */
		{"provider set", "{\"limits\":{\"connections\":5}}", "limits (connections 5)",
		 "限制 （connections 5）"},
	};
	(void)state;
	details_are_said(cases, ARRAY_LEN(cases));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_and_about_have_chinese_words),
		cmocka_unit_test(a_limit_is_told_as_it_is_typed),
		cmocka_unit_test(details_are_words),
		cmocka_unit_test(a_profile_is_told_with_what_it_was),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
