/* SPDX-License-Identifier: MIT */
/* Words of a forecast; see forecast_say.h. */
#include "scheduler/report/forecast_say.h"

#include "ip-pool/explain.h"
#include "scheduler/report/format.h"
#include "scheduler/report/lane_say.h"

#define SAY(w, en, zh) ((w)->language == LANGUAGE_ZH ? (zh) : (en))

static void put(struct buf *out, const char *text)
{
	buf_append_cstr(out, text);
}

/* -------------------------------------------------------------------------------------- numbers */

static void say_origin_zh(const struct cap *cap, struct buf *out)
{
	if (cap->origin == ORIGIN_OPERATOR)
		buf_appendf(out, "（人工设定，限制 %lld）", (long long)cap->rule);
	else
		buf_appendf(out, "（%s）", lane_origin_zh(cap->origin));
}

static void say_cap(const struct forecast_saying *w, const struct forecast_bind *b, struct buf *out)
{
	bool is_connections = b->kind == BIND_CONNECTIONS;
	if (w->language == LANGUAGE_EN) {
		explain_cap(&b->cap, is_connections ? LIMIT_CONNECTIONS : LIMIT_MESSAGES, b->period,
			    w->now_ms, out);
		return;
	}
	if (is_connections)
		buf_appendf(out, "%lld 个连接", (long long)b->cap.count);
	else
		buf_appendf(out, "%s %lld 封", lane_period_zh(b->period), (long long)b->cap.count);
	say_origin_zh(&b->cap, out);
}

/* Whose number it is. */
static void say_whose(const struct forecast_saying *w, enum limit_level level, struct buf *out)
{
	switch (level) {
	case LEVEL_LANE:
		buf_append_str(out, w->lane);
		break;
	case LEVEL_SOURCE: {
		struct str rest = w->lane;
		struct str source = str_take_until(&rest, '/');
		buf_appendf(out, SAY(w, "source %.*s", "发信源 %.*s"), STR_ARG(source));
		break;
	}
	case LEVEL_PROVIDER:
		buf_appendf(out, SAY(w, "all sources at %.*s", "%.*s 全部发信源合计"),
			    STR_ARG(w->target));
		break;
	case LEVEL_DOMAIN:
		put(out, SAY(w, "its sending domain", "发信域名"));
		break;
	case LEVEL_CAMPAIGN:
		put(out, SAY(w, "the campaign", "该任务"));
		break;
	case LEVEL_NODE:
		put(out, SAY(w, "its node", "节点"));
		break;
	}
	put(out, SAY(w, ": ", "："));
}

static void say_number(const struct forecast_saying *w, const struct forecast_bind *b,
		       struct buf *out)
{
	say_whose(w, b->level, out);
	say_cap(w, b, out);
	if (b->is_of_each)
		put(out, SAY(w, ", for each site", "，每个站点各自计"));
}

static void say_service(const struct forecast_saying *w, double ms, struct buf *out)
{
	if (ms <= 0)
		return;
	if (ms >= 10000)
		buf_appendf(out, SAY(w, ", %.0f s a message", "，每封 %.0f 秒"), ms / 1000);
	else
		buf_appendf(out, SAY(w, ", %.1f s a message", "，每封 %.1f 秒"), ms / 1000);
}

static void say_retries(const struct forecast_saying *w, const struct forecast_bind *b,
			struct buf *out)
{
	if (b->is_expected)
		put(out, SAY(w, "another try at the few whom the receiver is expected to put off",
			     "预计会有少数收件人被收件方推迟、须再试"));
	else
		put(out, SAY(w, "people who were put off wait for another try",
			     "被推迟的收件人等待重试"));
}

static void say_pause(const struct forecast_saying *w, const struct forecast_bind *b,
		      struct buf *out)
{
	if (b->level == LEVEL_CAMPAIGN)
		buf_appendf(out, SAY(w, "a pause of the campaign at %.*s", "该任务在 %.*s 被暂停"),
			    STR_ARG(w->target));
	else
		buf_appendf(out, SAY(w, "a pause of %.*s", "%.*s 被暂停"), STR_ARG(w->lane));
	if (b->cap.rule != 0)
		buf_appendf(out, SAY(w, " (pause %lld)", "（暂停 %lld）"), (long long)b->cap.rule);
}

void forecast_say_bind(const struct forecast_saying *w, const struct forecast_bind *b,
		       struct buf *out)
{
	switch (b->kind) {
	case BIND_NOTHING:
		return;
	case BIND_LIMIT:
		say_number(w, b, out);
		return;
	case BIND_CONNECTIONS:
		say_number(w, b, out);
		say_service(w, b->service_ms, out);
		return;
	case BIND_PACE:
		say_whose(w, b->level, out);
		buf_appendf(out,
			    SAY(w, "%.1f messages a second, its pace lately", "近来每秒 %.1f 封"),
			    b->per_s);
		return;
	case BIND_RETRIES:
		say_retries(w, b, out);
		return;
	case BIND_HOURS:
		put(out, SAY(w, "sending hours", "发送时段"));
		return;
	case BIND_START:
		put(out, SAY(w, "the start of the campaign", "任务尚未开始"));
		return;
	case BIND_PAUSE:
		say_pause(w, b, out);
		return;
	case BIND_REST:
		buf_appendf(out,
			    b->cap.origin == ORIGIN_DEAD
				    ? SAY(w, "%.*s does not answer", "%.*s 无应答")
				    : SAY(w, "%.*s rests, as the receiver asked for",
					  "%.*s 按收件方要求暂停发送"),
			    STR_ARG(w->lane));
		if (b->cap.origin == ORIGIN_DEAD && !str_is_empty(w->said))
			buf_appendf(out, SAY(w, " (%.*s)", "（%.*s）"), STR_ARG(w->said));
		return;
	case BIND_SOURCES:
		buf_appendf(
			out,
			SAY(w, "no source of pool %.*s may send", "IP 池 %.*s 没有可用的发信源"),
			STR_ARG(w->pool));
		return;
	case BIND_OTHERS:
		put(out, SAY(w, "campaigns of a higher priority go first", "优先级更高的任务在前"));
		return;
	}
}

/* ---------------------------------------------------------------------------------------- stuck */

static const char *advice(const struct forecast_saying *w, const struct forecast_bind *b)
{
	switch (b->kind) {
	case BIND_LIMIT:
	case BIND_CONNECTIONS:
	case BIND_PACE:
		return b->cap.origin == ORIGIN_OPERATOR
			       ? SAY(w, "edm limit set or edm limit unset changes it",
				     "可用 edm limit set 或 edm limit unset 更改")
			       : SAY(w,
				     "more sources (edm source add) or higher numbers (edm "
				     "limit set) change it",
				     "可增加发信源（edm source add）或提高限额（edm limit set）");
	case BIND_PAUSE:
		return b->level == LEVEL_CAMPAIGN
			       ? SAY(w, "edm pauses has its number, edm resume --id ends it",
				     "edm pauses 可查看编号，用 edm resume --id 恢复")
			       : SAY(w, "edm resume ends it", "可用 edm resume 恢复");
	case BIND_SOURCES:
		return SAY(w, "edm source show lists sources and pauses, edm source add adds one",
			   "edm source show 可查看发信源及暂停，edm source add 可添加");
	case BIND_HOURS:
		return SAY(w, "edm campaign edit --window changes them",
			   "可用 edm campaign edit --window 更改");
	case BIND_OTHERS:
		return SAY(w, "edm campaign show lists them", "edm campaign show 可查看");
	case BIND_NOTHING:
	case BIND_RETRIES:
	case BIND_START:
	case BIND_REST:
		break;
	}
	return SAY(w, "edm why tells more", "edm why 可了解详情");
}

void forecast_say_stuck(const struct forecast_saying *w, const struct forecast_bind *b,
			struct buf *out)
{
	buf_appendf(out, SAY(w, "%.*s is not through within 90 days: ", "%.*s 90 天内不会发完："),
		    STR_ARG(w->target));
	forecast_say_bind(w, b, out);
	buf_appendf(out, SAY(w, "; %s", "；%s"), advice(w, b));
}

/* Each pause's number after these words. */
static void say_each(const struct pause *const *pauses, size_t count, const char *words,
		     const char *between, struct buf *out)
{
	for (size_t i = 0; i < count; i++) {
		put(out, i > 0 ? between : "");
		put(out, words);
		buf_appendf(out, " %lld", (long long)pauses[i]->id);
	}
}

static void say_who_paused(const struct forecast_saying *w, const struct pause *p, struct buf *out)
{
	buf_appendf(out, SAY(w, " (%.*s", "（%.*s"), STR_ARG(p->who));
	if (!str_is_empty(p->because))
		buf_appendf(out, SAY(w, ": %.*s", "：%.*s"), STR_ARG(p->because));
	put(out, SAY(w, ")", "）"));
}

void forecast_say_paused(const struct forecast_saying *w, const struct pause *const *pauses,
			 size_t count, struct buf *out)
{
	const char *and = SAY(w, " and ", "、");
	if (w->language == LANGUAGE_EN)
		buf_appendf(out, "no end of %.*s while ", STR_ARG(w->target));
	say_each(pauses, count, SAY(w, "pause", "暂停"), and, out);
	put(out, SAY(w, count > 1 ? " hold" : " holds", " 生效期间，"));
	if (w->language == LANGUAGE_ZH)
		buf_appendf(out, "%.*s 不会发完", STR_ARG(w->target));
	if (count == 1)
		say_who_paused(w, pauses[0], out);
	put(out, SAY(w, "; ", "；可用 "));
	say_each(pauses, count, "edm resume --id", and, out);
	put(out, SAY(w, count > 1 ? " end them" : " ends it", " 恢复"));
}
