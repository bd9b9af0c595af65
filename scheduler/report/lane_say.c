/* SPDX-License-Identifier: MIT */
/* Words about lanes; see lane_say.h. */
#include "scheduler/report/lane_say.h"

#include <string.h>

#include "scheduler/report/document.h"
#include "scheduler/report/format.h"

#define SECOND_US INT64_C(1000000)

static void put(struct buf *out, const char *text)
{
	buf_append_cstr(out, text);
}

/* --------------------------------------------------------------------------------------- numbers
 */

const char *lane_period_zh(enum limit_period period)
{
	static const char *const names[LIMIT_PERIOD_COUNT] = {"每秒", "每分钟", "每小时", "每天"};
	return names[period];
}

const char *lane_origin_zh(enum limit_origin origin)
{
	switch (origin) {
	case ORIGIN_DEFAULT:
		return "默认值";
	case ORIGIN_PROFILE:
		return "服务商配置";
	case ORIGIN_WARMUP:
		return "预热计划";
	case ORIGIN_START:
		return "从起始值起逐步试探";
	case ORIGIN_LEARNT:
		return "从收件方学到";
	case ORIGIN_BACKOFF:
		return "被拒后退让";
	case ORIGIN_SLICE:
		return "本节点份额";
	case ORIGIN_DEAD:
		return "收件方无应答";
	case ORIGIN_OPERATOR:
	case ORIGIN_PAUSE:
	case ORIGIN_UNSAVED:
	case ORIGIN_KILLED:
	case ORIGIN_NONE:
		break;
	}
	return "";
}

/* A number of an entry by its names; false when it has not told them. */
struct facts {
	enum limit_level level;
	enum limit_kind kind;
	enum limit_period period;
	enum limit_origin origin;
	long long count, rule;
};

static int index_of(const char *name, const char *const *names, int count)
{
	for (int i = 0; i < count; i++)
		if (strcmp(name, names[i]) == 0)
			return i;
	return -1;
}

#define X(suffix, name) name,
static const char *const levels[] = {LIMIT_LEVELS(X)};
static const char *const kinds[] = {LIMIT_KINDS(X)};
static const char *const origins[] = {LIMIT_ORIGINS(X)};
#undef X
#define X(suffix, name, ms) name,
static const char *const periods[] = {LIMIT_PERIODS(X)};
#undef X

static bool read_facts(const json_t *entry, struct facts *out)
{
	int level = index_of(document_text(entry, "level"), levels, ARRAY_LEN(levels));
	int kind = index_of(document_text(entry, "kind"), kinds, ARRAY_LEN(kinds));
	int period = index_of(document_text(entry, "per"), periods, ARRAY_LEN(periods));
	int origin = index_of(document_text(entry, "origin"), origins, ARRAY_LEN(origins));
	if (level < 0 || kind < 0)
		return false;
	*out = (struct facts){.level = (enum limit_level)level,
			      .kind = (enum limit_kind)kind,
			      .period = period < 0 ? LIMIT_SECOND : (enum limit_period)period,
			      .origin = origin < 0 ? ORIGIN_NONE : (enum limit_origin)origin,
			      .count = document_int(entry, "count"),
			      .rule = document_int(entry, "limit_id")};
	return true;
}

static void say_number(const struct facts *f, struct buf *out)
{
	switch (f->kind) {
	case LIMIT_CONNECTIONS:
		buf_appendf(out, "%lld 个连接", f->count);
		return;
	case LIMIT_NEW_CONNECTIONS:
		buf_appendf(out, "%s %lld 个新连接", lane_period_zh(f->period), f->count);
		return;
	case LIMIT_MESSAGES:
		buf_appendf(out, "%s %lld 封", lane_period_zh(f->period), f->count);
		return;
	case LIMIT_MESSAGES_PER_CONNECTION:
		buf_appendf(out, "每个连接 %lld 封", f->count);
		return;
	}
}

static const char *level_zh(enum limit_level level)
{
	static const char *const names[] = {"通道", "发信源", "服务商", "发信域名", "任务", "节点"};
	return names[level];
}

/* The first word is that of the level, but for a domain's. */
void lane_say_applies(enum language language, const json_t *cap, struct buf *out)
{
	const char *scope = document_text(cap, "scope"), *level = document_text(cap, "level");
	int at = index_of(level, levels, ARRAY_LEN(levels));
	size_t skipped = strlen(level);
	if (language == LANGUAGE_ZH && strcmp(scope, "each node") == 0)
		put(out, "每个节点");
	else if (language == LANGUAGE_EN || at < 0 || strncmp(scope, level, skipped) != 0)
		put(out, scope);
	else
		buf_appendf(out, "%s%s", level_zh((enum limit_level)at), scope + skipped);
}

static void say_origin(const struct facts *f, struct buf *out)
{
	if (f->rule != 0)
		buf_appendf(out, "（人工设定，限制 %lld）", f->rule);
	else if (lane_origin_zh(f->origin)[0] != '\0')
		buf_appendf(out, "（%s）", lane_origin_zh(f->origin));
}

static bool is_rest(const struct facts *f)
{
	return f->origin == ORIGIN_BACKOFF && f->count == 0;
}

void lane_say_cap(const struct lane_saying *w, const json_t *cap, struct buf *out)
{
	struct facts f;
	if (w->language == LANGUAGE_EN || !read_facts(cap, &f)) {
		put(out, document_text(cap, "says"));
		return;
	}
	if (is_rest(&f)) {
		put(out, "不发送：按收件方要求暂停发送");
	} else {
		say_number(&f, out);
		say_origin(&f, out);
	}
	if (document_int(cap, "left_ms") > 0) {
		put(out, "，剩余 ");
		format_span(document_int(cap, "left_ms"), w->language, out);
	}
}

/* ----------------------------------------------------------------------------------------- waits
 */

static void say_scope(const struct lane_saying *w, enum limit_level level, struct buf *out)
{
	struct str target = str_from(w->lane);
	struct str source = str_take_until(&target, '/');
	switch (level) {
	case LEVEL_LANE:
		buf_appendf(out, "通道 %s ", w->lane);
		return;
	case LEVEL_SOURCE:
		buf_appendf(out, "发信源 %.*s ", STR_ARG(source));
		return;
	case LEVEL_PROVIDER:
		buf_appendf(out, "服务商 %.*s ", STR_ARG(target));
		return;
	case LEVEL_DOMAIN:
		put(out, "发信域名");
		return;
	case LEVEL_CAMPAIGN:
		put(out, "任务");
		return;
	case LEVEL_NODE:
		put(out, "节点");
		return;
	}
}

static void say_why(const struct facts *f, struct buf *out)
{
	if (f->origin == ORIGIN_PAUSE)
		put(out, "已暂停");
	else if (f->origin == ORIGIN_DEAD)
		put(out, "无应答，正以单个连接试探");
	else if (f->origin == ORIGIN_UNSAVED)
		put(out, "须待数据库记下最近的新连接");
	else if (is_rest(f))
		put(out, "按收件方要求暂停发送");
	else {
		put(out, "已用满 ");
		say_number(f, out);
		if (f->origin == ORIGIN_KILLED)
			put(out, "（前一进程被强制终止，其可能已发的邮件仍计入）");
		else
			say_origin(f, out);
	}
}

static void say_until(const struct lane_saying *w, const struct facts *f, int64_t until_us,
		      struct buf *out)
{
	if (until_us != 0 && until_us < w->now_us + SECOND_US) {
		put(out, "等待不到 1 秒"); /* or what was told a second ago is over by now */
	} else if (until_us != 0) {
		put(out, "等待 ");
		format_span((until_us - w->now_us + 999) / 1000, w->language, out);
	} else if (f->origin == ORIGIN_PAUSE) {
		put(out, "等待恢复");
	} else {
		put(out, f->kind == LIMIT_CONNECTIONS ? "等待有连接结束" : "等待答复");
	}
	put(out, "：");
}

static bool say_wait(const struct lane_saying *w, const json_t *wait, struct buf *out)
{
	struct facts f;
	if (w->language == LANGUAGE_EN || !read_facts(wait, &f))
		return false;
	say_until(w, &f, document_int(wait, "until"), out);
	say_scope(w, f.level, out);
	say_why(&f, out);
	return true;
}

void lane_say_binds(const struct lane_saying *w, const json_t *binds, struct buf *out)
{
	if (!say_wait(w, binds, out))
		put(out, document_text(binds, "says"));
}

static bool say_refused(const struct lane_saying *w, const json_t *refused, struct buf *out)
{
	int64_t next_us = document_int(refused, "next_at");
	if (w->language == LANGUAGE_EN || refused == NULL)
		return false;
	buf_appendf(out, "%s 无法连接（%s），自 ", document_text(refused, "host"),
		    document_text(refused, "said"));
	format_time(document_int(refused, "since"), w->language, out);
	put(out, " 起");
	if (next_us <= w->now_us)
		return true;
	put(out, "，");
	format_span((next_us - w->now_us) / 1000, w->language, out);
	put(out, "后再试");
	return true;
}

void lane_say_waits(const struct lane_saying *w, const json_t *lane, struct buf *out)
{
	if (document_text(lane, "waits")[0] == '\0' ||
	    say_refused(w, json_object_get(lane, "refused"), out) ||
	    say_wait(w, json_object_get(lane, "wait"), out))
		return;
	put(out, document_text(lane, "waits"));
}

/* --------------------------------------------------------------------------------------- changes
 */

static double number_of(const json_t *change, const char *key)
{
	return json_number_value(json_object_get(change, key));
}

static const char *whose(const json_t *change)
{
	const char *level = document_text(change, "level");
	if (strcmp(level, "domain") == 0)
		return "发信域名学到的速率";
	return strcmp(level, "campaign") == 0 ? "任务学到的速率" : "学到的速率";
}

/* Of limits the entry is the number that ends. */
static bool say_limit(const json_t *change, struct buf *out)
{
	struct facts f;
	if (!read_facts(change, &f))
		return false;
	f.count = (long long)number_of(change, "from");
	say_number(&f, out);
	say_origin(&f, out);
	return true;
}

static bool say_what(const json_t *change, struct buf *out)
{
	const char *what = document_text(change, "what");
	double from = number_of(change, "from"), to = number_of(change, "to");
	if (strcmp(what, "connections") == 0)
		buf_appendf(out, "连接数 %.0f → %.0f", from, to);
	else if (strcmp(what, "rate") == 0)
		buf_appendf(out, "%s每秒 %.2f → %.2f 封", whose(change), from, to);
	else if (strcmp(what, "back-off") == 0)
		put(out, "退让结束，可再提速");
	else if (strcmp(what, "rest") == 0)
		put(out, "收件方要求的暂停结束");
	else if (strcmp(what, "probe") == 0)
		put(out, "以一封试探收件方是否重新接收");
	else if (strcmp(what, "pause") == 0)
		put(out, "暂停结束");
	else if (strcmp(what, "window") == 0)
		buf_appendf(out, "学到的上限 %.0f → %.0f（届时须已用满）", from, to);
	else if (strcmp(what, "warm-up") == 0 && to < 0)
		buf_appendf(out, "预热额度每天 %.0f 封到期，不再限额", from);
	else if (strcmp(what, "warm-up") == 0)
		buf_appendf(out, "预热额度每天 %.0f → %.0f 封", from, to);
	else if (strcmp(what, "limit") == 0 && say_limit(change, out))
		put(out, " 到期");
	else if (strcmp(what, "refill") == 0 && say_limit(change, out))
		put(out, " 腾出余量，可发下一封");
	else
		return false;
	return true;
}

void lane_say_change(const struct lane_saying *w, const json_t *change, struct buf *out)
{
	int64_t messages = document_int(change, "messages"), at_us = document_int(change, "at");
	if (w->language == LANGUAGE_EN || !say_what(change, out)) {
		put(out, document_text(change, "says"));
		return;
	}
	if (messages > 0)
		buf_appendf(out, "，还需 %lld 次顺利答复", (long long)messages);
	if (at_us <= w->now_us)
		return;
	put(out, messages > 0 ? "，不早于 " : "，");
	format_span((at_us - w->now_us) / 1000, w->language, out);
	put(out, "后");
}
