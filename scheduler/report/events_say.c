/* SPDX-License-Identifier: MIT */
/* Words of events; see events_say.h. */
#include "scheduler/report/events_say.h"

#include <string.h>
#include <time.h>

#include "ip-pool/limit.h"
#include "ip-pool/provider.h"
#include "scheduler/report/format.h"

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
	{STR_INIT("limit forget"), "清除学习到的限制"},
	{STR_INIT("pause"), "暂停"},
	{STR_INIT("resume"), "恢复"},
	{STR_INIT("source add"), "添加发信源"},
	{STR_INIT("source set"), "修改发信源"},
	{STR_INIT("source drain"), "排空发信源"},
	{STR_INIT("source activate"), "启用发信源"},
	{STR_INIT("source remove"), "移除发信源"},
	{STR_INIT("warmup plan"), "设定预热计划"},
	{STR_INIT("warmup advance"), "推进预热"},
	{STR_INIT("warmup hold"), "暂停预热"},
	{STR_INIT("warmup release"), "继续预热"},
	{STR_INIT("provider set"), "修改服务商"},
	{STR_INIT("provider unset"), "还原服务商"},
	{STR_INIT("provider undo"), "撤销服务商改动"},
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
	{STR_INIT("campaign"), "任务"},	  {STR_INIT("source"), "发信源"},
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

/* Facts of a detail. */
static const struct pair facts[] = {
	{STR_INIT("rows"), "行数"},	    {STR_INIT("added"), "新增"},
	{STR_INIT("updated"), "更新"},	    {STR_INIT("unchanged"), "未变"},
	{STR_INIT("duplicates"), "重复"},   {STR_INIT("refused"), "拒绝"},
	{STR_INIT("kept_out"), "排除在外"}, {STR_INIT("already"), "已抑制或重复"},
	{STR_INIT("removed"), "移除"},	    {STR_INIT("restored"), "恢复"},
	{STR_INIT("left"), "已离开"},	    {STR_INIT("later"), "后来又改"},
	{STR_INIT("members"), "成员"},	    {STR_INIT("import"), "导入编号"},
	{STR_INIT("address"), "地址"},	    {STR_INIT("public"), "公网地址"},
	{STR_INIT("pool"), "IP 池"},	    {STR_INIT("weight"), "权重"},
	{STR_INIT("node"), "节点"},	    {STR_INIT("plan"), "计划"},
	{STR_INIT("steps"), "步数"},	    {STR_INIT("limits"), "限制"},
	{STR_INIT("host"), "主机"},	    {STR_INIT("port"), "端口"},
	{STR_INIT("user"), "用户"},	    {STR_INIT("was"), "原为"},
	{STR_INIT("until"), "至"},	    {STR_INIT("late"), "迟到"},
	{STR_INIT("provider"), "服务商"},   {STR_INIT("source_name"), "发信源"},
	{STR_INIT("site"), "主机"},	    {STR_INIT("campaign"), "任务"},
	{STR_INIT("selector"), "选择器"},   {STR_INIT("algorithm"), "算法"},
	{STR_INIT("state"), "状态"},	    {STR_INIT("content_version"), "内容版本"},
	{STR_INIT("windows"), "发送时段"},  {STR_INIT("learnt"), "学习到的限制"},
	{STR_INIT("rule"), "规则"},	    {STR_INIT("return_path"), "退信域名"},
	{STR_INIT("pause"), "暂停"},	    {STR_INIT("version"), "版本"},
	{STR_INIT("migrations"), "迁移"},   {STR_INIT("of"), "对象"},
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
		buf_appendf(out, "发往 %.*s 的每个通道", STR_ARG(target));
	} else if (str_equals(scope, STR("each node"))) {
		buf_append_cstr(out, "每个节点");
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

/* The number in these places of a time; -1: it is none. */
static int64_t part_of(struct str time, size_t from, size_t to)
{
	int64_t n;
	return to <= time.len && str_to_i64(str_slice(time, from, to), &n) == 0 && n >= 0 ? n : -1;
}

/* How far the zone at the end of a time is from UTC: "+08:00", "-05:30", "+00". */
static int64_t offset_s(struct str time)
{
	struct str zone = str_slice(time, 19, time.len);
	while (zone.len > 0 && (zone.ptr[0] == '.' || ascii_is_digit(zone.ptr[0])))
		zone = str_slice(zone, 1, zone.len);
	int64_t hours = part_of(zone, 1, 3), minutes = part_of(zone, 4, 6);
	int64_t s = (hours > 0 ? hours * 3600 : 0) + (minutes > 0 ? minutes * 60 : 0);
	return zone.len > 0 && zone.ptr[0] == '-' ? -s : s;
}

/* A time of PostgreSQL's JSON, "2026-12-01T09:00:00.12+00:00", as reports show times. */
static void say_time(struct str time, bool is_zh, struct buf *out)
{
	struct tm tm = {.tm_year = (int)part_of(time, 0, 4) - 1900,
			.tm_mon = (int)part_of(time, 5, 7) - 1,
			.tm_mday = (int)part_of(time, 8, 10),
			.tm_hour = (int)part_of(time, 11, 13),
			.tm_min = (int)part_of(time, 14, 16),
			.tm_sec = (int)part_of(time, 17, 19)};
	if (tm.tm_year < 0 || tm.tm_mon < 0 || tm.tm_mday < 0 || tm.tm_hour < 0 || tm.tm_min < 0 ||
	    tm.tm_sec < 0) {
		buf_append_str(out, time);
		return;
	}
	int64_t s = (int64_t)timegm(&tm) - offset_s(time);
	format_time(s * 1000000, is_zh ? LANGUAGE_ZH : LANGUAGE_EN, out);
}

static void say_until(const json_t *until, bool is_zh, struct buf *out)
{
	if (!json_is_string(until))
		return;
	buf_append_cstr(out, is_zh ? "，至 " : ", until ");
	say_time(str_from(json_string_value(until)), is_zh, out);
}

/* What became of it, after its number. */
static void say_change(struct str verb, const json_t *detail, bool is_zh, struct buf *out)
{
	const json_t *was = json_object_get(detail, "was");
	long long restored = (long long)number(detail, "restored");
	if (json_is_integer(was))
		buf_appendf(out, is_zh ? "，原为 %lld" : ", was %lld",
			    (long long)number(detail, "was"));
	say_until(json_object_get(detail, "until"), is_zh, out);
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

static void say_name(const char *key, bool is_zh, struct buf *out)
{
	const char *zh = is_zh ? find(facts, ARRAY_LEN(facts), str_from(key)) : NULL;
	if (zh != NULL) {
		buf_append_cstr(out, zh);
		return;
	}
	for (const char *c = key; *c != '\0'; c++)
		buf_append_char(out, *c == '_' ? ' ' : *c);
}

static void say_facts(const json_t *object, bool is_zh, struct buf *out);

static void say_value(const char *key, const json_t *value, bool is_zh, struct buf *out)
{
	size_t i;
	json_t *one;
	if (json_is_object(value)) {
		buf_append_cstr(out, is_zh ? "（" : "(");
		say_facts(value, is_zh, out);
		buf_append_cstr(out, is_zh ? "）" : ")");
	} else if (json_is_array(value)) {
		json_array_foreach(value, i, one)
		{
			buf_append_cstr(out, i > 0 ? " " : "");
			say_value(key, one, is_zh, out);
		}
	} else if (json_is_string(value) && strcmp(key, "until") == 0) {
		say_time(str_from(json_string_value(value)), is_zh, out);
	} else if (json_is_string(value)) {
		buf_append_cstr(out, json_string_value(value));
	} else if (json_is_integer(value)) {
		buf_appendf(out, "%lld", (long long)json_integer_value(value));
	} else if (json_is_real(value)) {
		buf_appendf(out, "%g", json_real_value(value));
	}
}

/* What says nothing, or says what the event is about in numbers of the database. */
static bool is_silent(const char *key, const json_t *value)
{
	static const char *const silent[] = {"pause_id", "campaign_id", "origin"};
	for (size_t i = 0; i < ARRAY_LEN(silent); i++)
		if (strcmp(key, silent[i]) == 0)
			return true;
	bool is_empty = (json_is_object(value) && json_object_size(value) == 0) ||
			(json_is_array(value) && json_array_size(value) == 0);
	return is_empty || json_is_null(value) || json_is_false(value);
}

/* "rows 40, added 38": "value" goes without its name, and before what it was. */
static void say_facts(const json_t *object, bool is_zh, struct buf *out)
{
	const char *key, *between = "";
	json_t *value;
	const json_t *set = json_object_get(object, "value");
	if (set != NULL) {
		say_value("value", set, is_zh, out);
		between = is_zh ? "，" : ", ";
	}
	json_object_foreach((json_t *)object, key, value)
	{
		if (is_silent(key, value) || value == set)
			continue;
		buf_append_cstr(out, between);
		say_name(key, is_zh, out);
		buf_append_cstr(out, json_is_true(value) ? "" : " ");
		say_value(key, value, is_zh, out);
		between = is_zh ? "，" : ", ";
	}
}

/* Of many counts those of nobody only hide the others; what was done is told all the same. */
static void say_counts(const json_t *detail, bool is_zh, struct buf *out)
{
	const char *key;
	json_t *value, *told = json_object();
	json_object_foreach((json_t *)detail, key, value)
	{
		bool is_main = strcmp(key, "added") == 0 || strcmp(key, "removed") == 0;
		if (is_main || !json_is_integer(value) || json_integer_value(value) != 0)
			json_object_set(told, key, value);
	}
	say_facts(told, is_zh, out);
	json_decref(told);
}

/* "draft → scheduled"; false: it is no move. */
static bool say_move(const json_t *detail, bool is_zh, struct buf *out)
{
	const json_t *from = json_object_get(detail, "from"), *to = json_object_get(detail, "to");
	enum language language = is_zh ? LANGUAGE_ZH : LANGUAGE_EN;
	if (!json_is_integer(from) || !json_is_integer(to))
		return false;
	buf_appendf(out, "%s → %s",
		    words_campaign_state((enum campaign_state)number(detail, "from"), language),
		    words_campaign_state((enum campaign_state)number(detail, "to"), language));
	return true;
}

static void say_limit_detail(struct str verb, const json_t *detail, bool is_zh, struct buf *out)
{
	if (str_equals(verb, STR("limit undo")))
		buf_append_cstr(out, json_is_true(json_object_get(detail, "was_set"))
					     ? (is_zh ? "撤销设置 " : "undone: setting ")
					     : (is_zh ? "撤销取消 " : "undone: unsetting "));
	say_limit(detail, out);
	say_change(verb, detail, is_zh, out);
}

/* What a profile says now and said before. */
static void say_profile(const json_t *detail, bool is_zh, struct buf *out)
{
	if (number(detail, "undone") != 0)
		buf_appendf(out, is_zh ? "撤销改动 %lld：" : "undone: change %lld: ",
			    (long long)number(detail, "undone"));
	provider_keys_render(json_object_get(detail, "set"), out);
	buf_append_cstr(out, is_zh ? "，原为 " : ", was ");
	provider_keys_render(json_object_get(detail, "was"), out);
	say_until(json_object_get(detail, "until"), is_zh, out);
	buf_appendf(out, is_zh ? "，改动 %lld" : ", change %lld", (long long)number(detail, "id"));
}

void events_say_detail(struct str verb, const json_t *detail, enum language language,
		       struct buf *out)
{
	bool is_zh = language == LANGUAGE_ZH;
	if (!json_is_object(detail))
		return;
	if (str_starts_with(verb, STR("limit ")) && number(detail, "kind") > 0) {
		say_limit_detail(verb, detail, is_zh, out);
	} else if (str_starts_with(verb, STR("provider ")) &&
		   json_is_object(json_object_get(detail, "was"))) {
		say_profile(detail, is_zh, out);
	} else if (str_starts_with(verb, STR("campaign ")) && say_move(detail, is_zh, out)) {
		return;
	} else if (str_starts_with(verb, STR("list ")) || str_starts_with(verb, STR("suppress "))) {
		say_counts(detail, is_zh, out);
	} else if (str_equals(verb, STR("pause"))) {
		/* Its number is told as one of a pause. */
		json_t *copy = json_pack("{s:O?}", "pause", json_object_get(detail, "id"));
		json_object_update_missing(copy, (json_t *)detail);
		json_object_del(copy, "id");
		say_facts(copy, is_zh, out);
		json_decref(copy);
	} else {
		say_facts(detail, is_zh, out);
	}
}
