/* SPDX-License-Identifier: MIT */
#include "scheduler/report/forecast_say.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const struct cap by_li = {
	.count = 100, .until_ms = LIMIT_FOREVER, .rule = 3, .origin = ORIGIN_OPERATOR};
static const struct cap of_profile = {
	.count = 20, .until_ms = LIMIT_FOREVER, .origin = ORIGIN_PROFILE};
static const struct cap of_warmup = {
	.count = 500, .until_ms = LIMIT_FOREVER, .origin = ORIGIN_WARMUP};
static const struct cap none = {
	.count = 0, .until_ms = LIMIT_FOREVER, .rule = 9, .origin = ORIGIN_OPERATOR};

#define SAYING(lang)                                                                               \
	(struct forecast_saying)                                                                   \
	{                                                                                          \
		.language = (lang), .lane = STR("mx1/qq"), .target = STR("qq"),                    \
		.pool = STR("default")                                                             \
	}

#define PUT_OFF "people who were put off wait for another try"

static void assert_says(const struct forecast_saying *w, const struct forecast_bind *bind,
			const char *want)
{
	struct buf out;
	buf_init(&out, 1000);
	forecast_say_bind(w, bind, &out);
	assert_string_equal(out.data ? out.data : "", want);
	buf_done(&out);
}

static void each_bind_has_its_words(void **state)
{
	const struct {
		struct forecast_bind bind;
		const char *want_en, *want_zh;
	} cases[] = {
		{{.kind = BIND_NOTHING}, "", ""},
		{{.kind = BIND_LIMIT, .level = LEVEL_LANE, .period = LIMIT_MINUTE, .cap = by_li},
		 "mx1/qq: 100 messages/min by operator (limit 3)",
		 "mx1/qq：每分钟 100 封（人工设定，限制 3）"},
		{{.kind = BIND_LIMIT, .level = LEVEL_LANE, .period = LIMIT_DAY, .cap = of_warmup},
		 "mx1/qq: 500 messages/day by its warm-up",
		 "mx1/qq：每天 500 封（预热计划）"},
		{{.kind = BIND_LIMIT, .level = LEVEL_PROVIDER, .period = LIMIT_HOUR, .cap = by_li},
		 "all sources at qq: 100 messages/h by operator (limit 3)",
		 "qq 全部发信源合计：每小时 100 封（人工设定，限制 3）"},
		{{.kind = BIND_LIMIT, .level = LEVEL_CAMPAIGN, .cap = by_li},
		 "the campaign: 100 messages/s by operator (limit 3)",
		 "该任务：每秒 100 封（人工设定，限制 3）"},
		{{.kind = BIND_CONNECTIONS,
		  .level = LEVEL_LANE,
		  .cap = of_profile,
		  .service_ms = 840},
		 "mx1/qq: 20 connections by the provider's profile, 0.8 s a message",
		 "mx1/qq：20 个连接（服务商配置），每封 0.8 秒"},
		{{.kind = BIND_CONNECTIONS, .level = LEVEL_SOURCE, .cap = of_profile},
		 "source mx1: 20 connections by the provider's profile",
		 "发信源 mx1：20 个连接（服务商配置）"},
		{{.kind = BIND_PACE, .level = LEVEL_LANE, .per_s = 9.44},
		 "mx1/qq: 9.4 messages a second, its pace lately",
		 "mx1/qq：近来每秒 9.4 封"},
		{{.kind = BIND_RETRIES}, PUT_OFF, "被推迟的收件人等待重试"},
		{{.kind = BIND_RETRIES, .is_expected = true},
		 "another try at the few whom the receiver is expected to put off",
		 "预计会有少数收件人被收件方推迟、须再试"},
		{{.kind = BIND_HOURS}, "sending hours", "发送时段"},
		{{.kind = BIND_SOURCES},
		 "no source of pool default may send",
		 "IP 池 default 没有可用的发信源"},
		{{.kind = BIND_PAUSE}, "a pause of mx1/qq", "mx1/qq 被暂停"},
		{{.kind = BIND_PAUSE, .level = LEVEL_CAMPAIGN},
		 "a pause of the campaign at qq",
		 "该任务在 qq 被暂停"},
		{{.kind = BIND_REST, .cap.origin = ORIGIN_DEAD},
		 "mx1/qq does not answer",
		 "mx1/qq 无应答"},
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (int zh = 0; zh < 2; zh++) {
			struct forecast_saying w = SAYING(zh ? LANGUAGE_ZH : LANGUAGE_EN);
			assert_says(&w, &cases[i].bind, zh ? cases[i].want_zh : cases[i].want_en);
		}
}

static void what_is_known_of_a_bind_is_said(void **state)
{
	const struct forecast_bind paused = {.kind = BIND_PAUSE, .cap.rule = 7};
	const struct forecast_bind dead = {.kind = BIND_REST, .cap.origin = ORIGIN_DEAD};
	const struct forecast_bind each = {.kind = BIND_LIMIT,
					   .level = LEVEL_LANE,
					   .period = LIMIT_MINUTE,
					   .cap = by_li,
					   .is_of_each = true};
	struct forecast_saying en = SAYING(LANGUAGE_EN), zh = SAYING(LANGUAGE_ZH);
	(void)state;
	en.said = zh.said = STR("Connection refused");
	assert_says(&en, &paused, "a pause of mx1/qq (pause 7)");
	assert_says(&zh, &paused, "mx1/qq 被暂停（暂停 7）");
	assert_says(&en, &dead, "mx1/qq does not answer (Connection refused)");
	assert_says(&zh, &dead, "mx1/qq 无应答（Connection refused）");
	assert_says(&en, &each, "mx1/qq: 100 messages/min by operator (limit 3), for each site");
	assert_says(&zh, &each, "mx1/qq：每分钟 100 封（人工设定，限制 3），每个站点各自计");
}

static void what_is_never_through_says_what_would_change_it(void **state)
{
	const struct forecast_bind spent = {
		.kind = BIND_LIMIT, .level = LEVEL_LANE, .period = LIMIT_HOUR, .cap = none};
	struct forecast_saying en = SAYING(LANGUAGE_EN), zh = SAYING(LANGUAGE_ZH);
	struct buf out;
	(void)state;
	buf_init(&out, 1000);
	forecast_say_stuck(&en, &spent, &out);
	assert_string_equal(out.data,
			    "qq is not through within 90 days: mx1/qq: 0 messages/h by operator "
			    "(limit 9); edm limit set or edm limit unset changes it");
	buf_clear(&out);
	forecast_say_stuck(&zh, &spent, &out);
	assert_string_equal(out.data, "qq 90 天内不会发完：mx1/qq：每小时 0 封（人工设定，限制 "
				      "9）；可用 edm limit set 或 edm limit unset 更改");
	const struct forecast_bind paused = {.kind = BIND_PAUSE, .level = LEVEL_CAMPAIGN};
	buf_clear(&out);
	forecast_say_stuck(&en, &paused, &out);
	assert_string_equal(out.data, "qq is not through within 90 days: a pause of the campaign "
				      "at qq; edm pauses has its number, edm resume --id ends it");
	buf_done(&out);
}

static void a_pause_is_named_with_the_command_that_ends_it(void **state)
{
	const struct pause first = {.id = 3, .who = STR("li@ops"), .because = STR("moved")};
	const struct pause second = {.id = 5, .who = STR("wu@ops")};
	const struct pause *pauses[] = {&first, &second};
	struct forecast_saying en = SAYING(LANGUAGE_EN), zh = SAYING(LANGUAGE_ZH);
	struct buf out;
	(void)state;
	en.target = zh.target = STR("qq, tail");
	buf_init(&out, 1000);
	forecast_say_paused(&en, pauses, 1, &out);
	assert_string_equal(out.data, "no end of qq, tail while pause 3 holds (li@ops: moved); "
				      "edm resume --id 3 ends it");
	buf_clear(&out);
	forecast_say_paused(&en, pauses, 2, &out);
	assert_string_equal(out.data, "no end of qq, tail while pause 3 and pause 5 hold; edm "
				      "resume --id 3 and edm resume --id 5 end them");
	buf_clear(&out);
	forecast_say_paused(&zh, pauses, 1, &out);
	assert_string_equal(out.data, "暂停 3 生效期间，qq, tail 不会发完（li@ops：moved）；可用 "
				      "edm resume --id 3 恢复");
	buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_bind_has_its_words),
		cmocka_unit_test(what_is_known_of_a_bind_is_said),
		cmocka_unit_test(what_is_never_through_says_what_would_change_it),
		cmocka_unit_test(a_pause_is_named_with_the_command_that_ends_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
