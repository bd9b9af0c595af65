/* SPDX-License-Identifier: MIT */
/* The words of holds; see hold.h. */
#include <string.h>

#include "scheduler/report/format.h"
#include "scheduler/report/hold.h"
#include "scheduler/report/lane_say.h"
#include "scheduler/report/sentence.h"

#define SAY(w, en, zh) ((w)->language == LANGUAGE_ZH ? (zh) : (en))
/* Shorter waits are said as they are: times are told in minutes. */
#define CLOCK_FROM_US INT64_C(60000000)

static void put(struct buf *out, const char *text)
{
	buf_append_cstr(out, text);
}

static void put_time(const struct why_context *w, int64_t us, struct buf *out)
{
	format_time(us, w->language, out);
}

void hold_say_until(const struct why_context *w, int64_t us, struct buf *out)
{
	put(out, SAY(w, "until ", "至 "));
	put_time(w, us, out);
	if (us <= w->now_us)
		return;
	put(out, SAY(w, " (in ", "（还有 "));
	format_span((us - w->now_us) / 1000, w->language, out);
	put(out, SAY(w, ")", "）"));
}

void hold_say_who(const struct why_context *w, const char *by, const char *because, struct buf *out)
{
	if (by[0] != '\0')
		buf_appendf(out, SAY(w, " by %s", "，操作人 %s"), by);
	if (because[0] != '\0')
		buf_appendf(out, SAY(w, " (%s)", "（%s）"), because);
}

/* ---------------------------------------------------------------------------------------- facts
 */

/* " (edm limit forget mx1/qq ends it)" */
static void say_change(const struct why_context *w, const struct hold *h, struct buf *out)
{
	static const char *const en[] = {
		[CHANGE_LIFTS] = "lifts it",
		[CHANGE_FORGETS] = "has it start again at once",
		[CHANGE_UNSETS] = "ends the limit",
		[CHANGE_SETS] = "sets another",
		[CHANGE_ADVANCES] = "takes the next step",
		[CHANGE_STARTS] = "starts it",
	};
	static const char *const zh[] = {
		[CHANGE_LIFTS] = "可恢复",	    [CHANGE_FORGETS] = "可令其立即重新开始",
		[CHANGE_UNSETS] = "可取消该限制",   [CHANGE_SETS] = "可另行设定",
		[CHANGE_ADVANCES] = "可进入下一步", [CHANGE_STARTS] = "可启动",
	};
	if (h->how != CHANGE_NOTHING)
		buf_appendf(out, SAY(w, " (%s %s)", "（%s %s）"), h->change,
			    SAY(w, en[h->how], zh[h->how]));
}

static void say_since(const struct why_context *w, const struct hold *h, struct buf *out)
{
	if (h->since_us == 0)
		return;
	put(out, SAY(w, ", since ", "，自 "));
	put_time(w, h->since_us, out);
	put(out, SAY(w, "", " 起"));
}

static void say_reply(const struct why_context *w, const struct hold *h, struct buf *out)
{
	if (h->reply[0] != '\0')
		buf_appendf(out, SAY(w, ", after \"%s\"", "，收件方回复“%s”"), h->reply);
}

static void say_end(const struct why_context *w, const struct hold *h, struct buf *out)
{
	if (h->until_us < w->now_us + CLOCK_FROM_US)
		return;
	put(out, SAY(w, ", until ", "，至 "));
	put_time(w, h->until_us, out);
}

static void say_facts(const struct why_context *w, const struct hold *h, struct buf *out)
{
	say_since(w, h, out);
	say_end(w, h, out);
	say_reply(w, h, out);
	say_change(w, h, out);
}

/* --------------------------------------------------------------------------------------- clauses
 */

/* What a pause stops. "it": that which is asked about. */
static void say_paused(const struct why_context *w, const json_t *pause, struct buf *out)
{
	const char *provider = document_text(pause, "provider");
	const char *source = document_text(pause, "source");
	const char *target = provider[0] != '\0' ? provider : document_text(pause, "site");
	bool is_own = w->campaign == NULL || document_text(pause, "campaign")[0] != '\0';
	if (is_own || (source[0] == '\0' && target[0] == '\0'))
		put(out, SAY(w, "it", ""));
	else if (target[0] == '\0')
		buf_appendf(out, SAY(w, "source %s", "源 %s "), source);
	else if (source[0] == '\0')
		buf_appendf(out, SAY(w, "all mail to %s", "发往 %s 的邮件"), target);
	else
		buf_appendf(out, SAY(w, "lane %s/%s", "通道 %s/%s "), source, target);
}

static void say_others(const struct why_context *w, const struct hold *h, struct buf *out)
{
	if (h->others == 0)
		return;
	buf_appendf(out, SAY(w, "; %zu other %s stopped there, too", "；该处另有 %zu %s也已停止"),
		    h->others,
		    SAY(w, plural((int64_t)h->others, "lane is", "lanes are"), "条通道"));
}

static void say_pause(const struct why_context *w, const struct hold *h, struct buf *out)
{
	const json_t *pause = h->of;
	say_paused(w, pause, out);
	buf_appendf(out, SAY(w, " was paused by %s since ", "已被 %s 暂停，自 "),
		    document_text(pause, "who"));
	put_time(w, h->since_us, out);
	put(out, SAY(w, ", ", " 起，"));
	if (h->until_us != 0)
		hold_say_until(w, h->until_us, out);
	else
		buf_appendf(out, SAY(w, "until somebody resumes it (%s)", "直到有人恢复（%s）"),
			    h->change);
	if (document_text(pause, "why")[0] != '\0')
		buf_appendf(out, SAY(w, ": %s", "：%s"), document_text(pause, "why"));
	if (h->until_us != 0)
		say_change(w, h, out);
	say_others(w, h, out);
}

static void say_state(const struct why_context *w, const struct hold *h, struct buf *out)
{
	buf_appendf(out, SAY(w, "its campaign is %s since ", "任务%s，自 "),
		    words_campaign_state(w->campaign_state, w->language));
	put_time(w, h->since_us, out);
	put(out, SAY(w, "", " 起"));
	hold_say_who(w, w->campaign_by, w->campaign_reason, out);
	say_change(w, h, out);
}

/* What the node says of it is English. */
static void say_stopped(const struct why_context *w, const char *en, struct buf *out)
{
	if (w->language != LANGUAGE_ZH || !sentence_zh(str_from(en), out))
		put(out, en);
}

/* "mx1/qq waits 12 s: …" */
static void say_lane(const struct why_context *w, const struct hold *h, struct buf *out)
{
	const json_t *lane = h->of;
	struct buf name;
	buf_init(&name, 1024);
	buf_appendf(&name, "%s/%s", document_text(lane, "source"), document_text(lane, "queue"));
	const struct lane_saying saying = {w->language, w->now_us, name.data};
	if (h->kind == HOLD_BINDING) {
		lane_say_binds(&saying, json_object_get(lane, "binds"), out);
	} else {
		buf_appendf(out, "%s ", name.data);
		lane_say_waits(&saying, lane, out);
	}
	buf_done(&name);
	if (h->kind == HOLD_LANE && json_object_get(lane, "refused") != NULL)
		say_end(w, h, out); /* the rest is said */
	else
		say_facts(w, h, out);
}

/* "20 messages in 1 h", "每 1 小时 20 封" */
static void say_rate(const struct why_context *w, const json_t *limit, struct buf *out)
{
	int64_t n = document_int(limit, "value");
	if (w->language == LANGUAGE_ZH)
		put(out, "每 ");
	else
		buf_appendf(out, "%lld %s in ", (long long)n, plural(n, "message", "messages"));
	format_span(document_int(limit, "period_ms"), w->language, out);
	if (w->language == LANGUAGE_ZH)
		buf_appendf(out, " %lld 封", (long long)n);
}

bool hold_say_closed(const struct why_context *w, const json_t *campaign, struct buf *out)
{
	int64_t opens_us = document_int(campaign, "opens_at");
	if (!json_is_false(json_object_get(campaign, "is_open")))
		return false;
	put(out, SAY(w, "outside its sending hours ", "不在发送时段内，"));
	if (opens_us != 0)
		hold_say_until(w, opens_us, out);
	else
		put(out, SAY(w, "for good, they never come", "且今后也没有可发送时段"));
	buf_appendf(out, SAY(w, " (sent %s)", "（发送时段 %s）"), document_text(campaign, "hours"));
	return true;
}

static void say_no_source(const struct why_context *w, const json_t *campaign, struct buf *out)
{
	buf_appendf(out,
		    SAY(w, "no active source in pool %s (edm source show)",
			"IP 池 %s 没有启用的发信源（edm source show）"),
		    document_text(campaign, "pool"));
}

static void say_spent(const struct why_context *w, const struct hold *h, struct buf *out)
{
	const json_t *spent = json_object_get(h->of, "spent");
	put(out, SAY(w, "its limit of ", "本任务"));
	say_rate(w, spent, out);
	buf_appendf(out,
		    SAY(w, " is used up (limit %lld by %s)", "的限额已用完（限制 %lld，%s 设定）"),
		    (long long)document_int(spent, "limit_id"), document_text(spent, "set_by"));
	say_facts(w, h, out);
}

static void say_limit(const struct why_context *w, const json_t *waiting, struct buf *out)
{
	int64_t n = document_int(waiting, "value");
	if (document_int(waiting, "period_ms") > 0)
		say_rate(w, waiting, out);
	else
		buf_appendf(out, SAY(w, "%lld %s at work", "同时 %lld %s"), (long long)n,
			    SAY(w, plural(n, "connection", "connections"), "个连接"));
}

/* What was learnt of its content or its sending domain at one provider. */
static void say_learnt(const struct why_context *w, const json_t *waiting, bool is_own,
		       struct buf *out)
{
	int64_t until = document_int(waiting, "until");
	bool rests = document_int(waiting, "value") == 0;
	buf_appendf(out,
		    is_own ? SAY(w, "%s limits its content", "%s 对其内容限速")
			   : SAY(w, "%s limits its sending domain", "%s 对其发信域名限速"),
		    document_text(waiting, "target"));
	if (rests)
		put(out, SAY(w, ": back-off, nothing is sent ", "：退避，暂停发送"));
	else
		buf_appendf(out, SAY(w, ": %s to %.1f messages/s", "：%s，每秒 %.1f 封"),
			    strcmp(document_text(waiting, "origin"), "back-off") == 0
				    ? SAY(w, "back-off", "退避")
				    : SAY(w, "learnt to take up", "已学习"),
			    json_number_value(json_object_get(waiting, "per_s")));
	if (until == 0)
		return;
	put(out, rests ? "" : SAY(w, ", no more ", "，不提速"));
	hold_say_until(w, until, out);
}

/* Nobody knows what the process before sent at the end, so all that it may have sent counts. */
static void say_killed(const struct why_context *w, const json_t *waiting, struct buf *out)
{
	int64_t killed_us = document_int(waiting, "killed_at");
	if (killed_us == 0)
		return;
	put(out, SAY(w, "; its node was killed at ", "；其节点被强制终止，时间 "));
	put_time(w, killed_us, out);
	put(out,
	    SAY(w, ", and what it may have sent counts until then", "，其可能已发的邮件计入至此"));
}

void hold_say_waiting(const struct why_context *w, const json_t *waiting, struct buf *out)
{
	bool is_own = strcmp(document_text(waiting, "level"), "campaign") == 0;
	int64_t next = document_int(waiting, "next_at"), until = document_int(waiting, "until");
	if (document_text(waiting, "origin")[0] != '\0') {
		say_learnt(w, waiting, is_own, out);
		return;
	}
	put(out, is_own ? SAY(w, "it waits for its limit of ", "受本任务限额约束：")
			: SAY(w, "it waits for its sending domain's limit of ",
			      "受本任务发信域名的限额约束："));
	say_limit(w, waiting, out);
	buf_appendf(out, SAY(w, " (limit %lld by %s)", "（限制 %lld，%s 设定）"),
		    (long long)document_int(waiting, "limit_id"), document_text(waiting, "set_by"));
	if (next > w->now_us) {
		put(out, SAY(w, ", ", "，"));
		hold_say_until(w, next, out);
	}
	say_killed(w, waiting, out);
	if (until != 0) {
		put(out, SAY(w, "; the limit holds ", "；该限制有效"));
		hold_say_until(w, until, out);
	}
}

static void say_turn(const struct why_context *w, const json_t *lane, struct buf *out)
{
	buf_appendf(out,
		    SAY(w, "%s/%s sends %.1f a second and has %lld in its queue",
			"%s/%s 每秒发送 %.1f 封，队列中 %lld 人"),
		    document_text(lane, "source"), document_text(lane, "queue"),
		    json_number_value(json_object_get(lane, "rate")),
		    (long long)document_int(lane, "queued"));
}

void hold_say(const struct why_context *w, const struct hold *h, struct buf *out)
{
	switch (h->kind) {
	case HOLD_STATE:
		say_state(w, h, out);
		return;
	case HOLD_PAUSE:
		say_pause(w, h, out);
		return;
	case HOLD_NO_NODE:
		put(out, SAY(w, "no node is running (edm run starts one)",
			     "没有运行中的节点（edm run 可启动）"));
		return;
	case HOLD_ENDING:
		put(out, SAY(w,
			     "the node is being stopped: it ends what it has begun and begins "
			     "nothing more (edm run starts it again)",
			     "节点正在停止：只完成已开始的投递，不再开始新的（edm run 可再启动）"));
		return;
	case HOLD_STOPPED:
		say_stopped(w, live_trouble(w->live, NULL, "stopped"), out);
		return;
	case HOLD_HOURS:
		(void)hold_say_closed(w, h->of, out);
		return;
	case HOLD_NO_SOURCE:
		say_no_source(w, h->of, out);
		return;
	case HOLD_SPENT:
		say_spent(w, h, out);
		return;
	case HOLD_LIMITED:
		hold_say_waiting(w, h->of, out);
		say_since(w, h, out);
		say_reply(w, h, out);
		say_change(w, h, out);
		return;
	case HOLD_TURN:
		say_turn(w, h->of, out);
		return;
	case HOLD_LANE:
	case HOLD_BINDING:
		say_lane(w, h, out);
		return;
	}
}
