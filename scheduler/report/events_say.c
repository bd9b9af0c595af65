/* SPDX-License-Identifier: MIT */
/* Words of events; see events_say.h. */
#include "scheduler/report/events_say.h"

#include <stdlib.h>

#include "ip-pool/limit.h"

struct pair {
	struct str en;
	const char *zh;
};

static const struct pair verbs[] = {
	{STR_INIT("init"), "初始化"},
	{STR_INIT("campaign create"), "创建任务"},
	{STR_INIT("campaign edit"), "修改任务"},
	{STR_INIT("campaign schedule"), "排期任务"},
	{STR_INIT("campaign unschedule"), "取消排期"},
	{STR_INIT("campaign start"), "启动任务"},
	{STR_INIT("campaign pause"), "暂停任务"},
	{STR_INIT("campaign resume"), "恢复任务"},
	{STR_INIT("campaign cancel"), "取消任务"},
	{STR_INIT("campaign finish"), "任务完成"},
	{STR_INIT("campaign reopen"), "任务重新打开"},
	{STR_INIT("campaign resend"), "补发任务"},
	{STR_INIT("limit set"), "设置限制"},
	{STR_INIT("limit unset"), "取消限制"},
	{STR_INIT("limit undo"), "撤销限制改动"},
	{STR_INIT("limit forget"), "忘掉所学限制"},
	{STR_INIT("pause"), "暂停"},
	{STR_INIT("resume"), "恢复"},
	{STR_INIT("source add"), "添加源"},
	{STR_INIT("source set"), "修改源"},
	{STR_INIT("source drain"), "排空源"},
	{STR_INIT("source activate"), "启用源"},
	{STR_INIT("source remove"), "移除源"},
	{STR_INIT("warmup advance"), "推进预热"},
	{STR_INIT("warmup hold"), "暂停预热"},
	{STR_INIT("warmup release"), "继续预热"},
	{STR_INIT("provider set"), "修改服务商"},
	{STR_INIT("provider unset"), "还原服务商"},
	{STR_INIT("route set"), "设置路由"},
	{STR_INIT("route remove"), "移除路由"},
	{STR_INIT("node activate"), "启用节点"},
	{STR_INIT("node drain"), "排空节点"},
	{STR_INIT("node remove"), "移除节点"},
	{STR_INIT("domain add"), "添加发信域名"},
	{STR_INIT("domain set"), "修改发信域名"},
	{STR_INIT("domain key"), "修改域名密钥"},
	{STR_INIT("domain remove"), "移除发信域名"},
	{STR_INIT("list import"), "导入名单"},
	{STR_INIT("list undo"), "撤销导入"},
	{STR_INIT("list remove"), "移除名单"},
	{STR_INIT("suppress add"), "添加抑制"},
	{STR_INIT("suppress import"), "导入抑制"},
	{STR_INIT("suppress remove"), "移除抑制"},
	{STR_INIT("suppress undo"), "撤销抑制"},
	{STR_INIT("config set"), "修改设置"},
	{STR_INIT("config unset"), "还原设置"},
	{STR_INIT("rules add"), "添加规则"},
	{STR_INIT("rules remove"), "移除规则"},
	{STR_INIT("rules restore"), "还原规则"},
	{STR_INIT("rules apply"), "按新规则重判"},
};

/* What an object begins with, before a colon or a space. */
static const struct pair nouns[] = {
	{STR_INIT("campaign"), "任务"},	  {STR_INIT("source"), "源"},
	{STR_INIT("provider"), "服务商"}, {STR_INIT("domain"), "发信域名"},
	{STR_INIT("node"), "节点"},	  {STR_INIT("route"), "路由"},
	{STR_INIT("rule"), "规则"},	  {STR_INIT("setting"), "设置"},
	{STR_INIT("list"), "名单"},	  {STR_INIT("lane"), "通道"},
	{STR_INIT("pause"), "暂停"},
};

/* Objects that are one word. */
static const struct pair wholes[] = {
	{STR_INIT("all"), "全部"},
	{STR_INIT("suppression"), "抑制名单"},
	{STR_INIT("database"), "数据库"},
	{STR_INIT("rules"), "规则"},
};

static const char *find(const struct pair *pairs, size_t count, struct str en)
{
	for (size_t i = 0; i < count; i++)
		if (str_equals(pairs[i].en, en))
			return pairs[i].zh;
	return NULL;
}

static void say(const struct pair *pairs, size_t count, struct str en, struct buf *out)
{
	const char *zh = find(pairs, count, en);
	if (zh != NULL)
		buf_append_cstr(out, zh);
	else
		buf_append_str(out, en);
}

void events_say_what(struct str verb, enum language language, struct buf *out)
{
	say(verbs, language == LANGUAGE_ZH ? ARRAY_LEN(verbs) : 0, verb, out);
}

/* ---------------------------------------------------------------------------------------- about */

/* A noun with what it is called: "source:mx1", "source mx1"; false and nothing if it is none. */
static bool say_noun(struct str text, char separator, struct buf *out)
{
	struct str rest = text;
	const char *zh = find(nouns, ARRAY_LEN(nouns), str_take_until(&rest, separator));
	if (zh == NULL || rest.len == 0)
		return false;
	buf_appendf(out, "%s %.*s", zh, STR_ARG(rest));
	return true;
}

/* What a limit is about, as explain_scope has it. */
static void say_scope(struct str scope, struct buf *out)
{
	struct str each = STR("each lane to "), target = scope;
	if (str_starts_with(scope, each)) {
		target = str_slice(scope, each.len, scope.len);
		buf_appendf(out, "到 %.*s 的每条通道", STR_ARG(target));
	} else if (!say_noun(scope, ' ', out)) {
		buf_append_str(out, scope);
	}
}

void events_say_about(struct str object, enum language language, struct buf *out)
{
	struct str limit = STR("limit:");
	if (language == LANGUAGE_EN) {
		buf_append_str(out, object);
		return;
	}
	if (str_starts_with(object, limit)) {
		buf_append_cstr(out, "限制：");
		say_scope(str_slice(object, limit.len, object.len), out);
		return;
	}
	/* A pause has several: "source:mx1 provider:qq". */
	for (struct str rest = object; rest.len > 0;) {
		struct str one = str_take_until(&rest, ' ');
		if (!say_noun(one, ':', out))
			say(wholes, ARRAY_LEN(wholes), one, out);
		buf_append_cstr(out, rest.len > 0 ? " " : "");
	}
}

/* --------------------------------------------------------------------------------------- detail */

static int64_t number(const json_t *detail, const char *key)
{
	return json_integer_value(json_object_get(detail, key));
}

/* The number as it is typed: "rate=100/min". */
static void say_limit(const json_t *detail, struct buf *out)
{
	struct limit_values values;
	struct buf text;
	limit_values_init(&values);
	int64_t *n = limit_values_at(&values, number(detail, "kind"), number(detail, "period_ms"));
	if (n == NULL) {
		buf_appendf(out, "?=%lld", (long long)number(detail, "n"));
		return;
	}
	*n = number(detail, "n");
	buf_init(&text, 128);
	limit_values_render(&values, &text);
	buf_append_str(out, buf_str(&text));
	buf_done(&text);
}

/* A time of PostgreSQL's JSON, "2026-12-01T09:00:00.12+00:00", without its fraction. */
static void say_time(struct str time, struct buf *out)
{
	struct str seconds = str_slice(time, 0, time.len < 19 ? time.len : 19);
	struct str zone = str_slice(time, seconds.len, time.len);
	while (zone.len > 0 && (zone.ptr[0] == '.' || ascii_is_digit(zone.ptr[0])))
		zone = str_slice(zone, 1, zone.len);
	buf_append_str(out, seconds);
	buf_append_str(out, str_equals(zone, STR("+00:00")) ? STR("Z") : zone);
}

/* What became of it, after its number. */
static void say_change(struct str verb, const json_t *detail, bool is_zh, struct buf *out)
{
	const json_t *was = json_object_get(detail, "was");
	const json_t *until = json_object_get(detail, "until");
	long long restored = (long long)number(detail, "restored");
	if (json_is_integer(was))
		buf_appendf(out, is_zh ? "，原为 %lld" : ", was %lld",
			    (long long)number(detail, "was"));
	if (json_is_string(until)) {
		buf_append_cstr(out, is_zh ? "，至 " : ", until ");
		say_time(str_from(json_string_value(until)), out);
	}
	buf_appendf(out, is_zh ? "，限制 %lld" : ", limit %lld", (long long)number(detail, "id"));
	if (!str_equals(verb, STR("limit undo")))
		return;
	if (restored != 0)
		buf_appendf(out, is_zh ? "；限制 %lld 重新生效" : "; in force instead: limit %lld",
			    restored);
	else
		buf_append_cstr(out,
				is_zh ? "；没有恢复其他限制" : "; nothing is in force instead");
}

void events_say_detail(struct str verb, const json_t *detail, enum language language,
		       struct buf *out)
{
	bool is_zh = language == LANGUAGE_ZH;
	if (!json_is_object(detail))
		return;
	if (str_starts_with(verb, STR("limit ")) && number(detail, "kind") > 0) {
		if (str_equals(verb, STR("limit undo")))
			buf_append_cstr(out,
					json_is_true(json_object_get(detail, "was_set"))
						? (is_zh ? "撤销设置 " : "undone: setting ")
						: (is_zh ? "撤销取消 " : "undone: unsetting "));
		say_limit(detail, out);
		say_change(verb, detail, is_zh, out);
		return;
	}
	char *text = json_dumps(detail, JSON_COMPACT);
	buf_append_cstr(out, text);
	free(text);
}
