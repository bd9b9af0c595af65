/* SPDX-License-Identifier: MIT */
/* Sentences that say why; see why_say.h. */
#include "scheduler/report/why_say.h"

#include <string.h>

#include "scheduler/report/format.h"
#include "scheduler/report/lane_say.h"

#define HOLD_MAX 8192
#define SAY(w, en, zh) ((w)->language == LANGUAGE_ZH ? (zh) : (en))

static void put(struct buf *out, const char *text)
{
	buf_append_cstr(out, text);
}

static void put_time(const struct why_context *w, int64_t us, struct buf *out)
{
	format_time(us, w->language, out);
}

static void put_number(const struct why_context *w, int64_t n, struct buf *out)
{
	format_people(n, w->language, out);
}

/* ", until 2026-12-01 09:00 UTC (in 5 min)" */
static void put_until(const struct why_context *w, int64_t us, struct buf *out)
{
	put(out, SAY(w, "until ", "至 "));
	put_time(w, us, out);
	if (us <= w->now_us)
		return;
	put(out, SAY(w, " (in ", "（还有 "));
	format_span((us - w->now_us) / 1000, w->language, out);
	put(out, SAY(w, ")", "）"));
}

/* --------------------------------------------------------------------------------------- holds */

static void say_pause(const struct why_context *w, const json_t *pause, struct buf *out)
{
	buf_appendf(out, SAY(w, "it was paused by %s since ", "已被 %s 暂停，自 "),
		    document_text(pause, "who"));
	put_time(w, document_int(pause, "since"), out);
	put(out, SAY(w, ", ", "，"));
	if (document_int(pause, "until") != 0)
		put_until(w, document_int(pause, "until"), out);
	else
		buf_appendf(out,
			    SAY(w, "until somebody resumes it (edm resume --id %lld)",
				"直到有人恢复（edm resume --id %lld）"),
			    (long long)document_int(pause, "pause_id"));
	if (document_text(pause, "why")[0] != '\0')
		buf_appendf(out, SAY(w, ": %s", "：%s"), document_text(pause, "why"));
}

/* " by li (too hot)" */
static void put_who(const struct why_context *w, const char *by, const char *because,
		    struct buf *out)
{
	if (by[0] != '\0')
		buf_appendf(out, SAY(w, " by %s", "，操作人 %s"), by);
	if (because[0] != '\0')
		buf_appendf(out, SAY(w, " (%s)", "（%s）"), because);
}

static bool say_campaign_hold(const struct why_context *w, struct buf *out)
{
	if (w->campaign_state == CAMPAIGN_RUNNING)
		return false;
	buf_appendf(out, SAY(w, "its campaign is %s since ", "任务%s，自 "),
		    words_campaign_state(w->campaign_state, w->language));
	put_time(w, w->campaign_since_us, out);
	put_who(w, w->campaign_by, w->campaign_reason, out);
	return true;
}

/* "mx1/qq waits 12 s: …" */
static void put_wait(const struct why_context *w, const json_t *lane, struct buf *out)
{
	struct buf name;
	buf_init(&name, 1024);
	buf_appendf(&name, "%s/%s", document_text(lane, "source"), document_text(lane, "queue"));
	buf_appendf(out, "%s ", name.data);
	const struct lane_saying saying = {w->language, w->now_us, name.data};
	lane_say_waits(&saying, lane, out);
	buf_done(&name);
}

/* "20 messages in 1 h", "1 小时 20 封" */
static void say_rate(const struct why_context *w, const json_t *limit, struct buf *out)
{
	int64_t n = document_int(limit, "value");
	if (w->language == LANGUAGE_ZH)
		format_span(document_int(limit, "period_ms"), w->language, out);
	else
		buf_appendf(out, "%lld %s in ", (long long)n, plural(n, "message", "messages"));
	if (w->language == LANGUAGE_ZH)
		buf_appendf(out, " %lld 封", (long long)n);
	else
		format_span(document_int(limit, "period_ms"), w->language, out);
}

bool why_say_closed(const struct why_context *w, const json_t *campaign, struct buf *out)
{
	int64_t opens_us = document_int(campaign, "opens_at");
	if (!json_is_false(json_object_get(campaign, "is_open")))
		return false;
	put(out, SAY(w, "outside its sending hours ", "不在发送时段内，"));
	if (opens_us != 0)
		put_until(w, opens_us, out);
	else
		put(out, SAY(w, "for good, they never come", "且不会有可发送的时段"));
	buf_appendf(out, SAY(w, " (sent %s)", "（发送时段 %s）"), document_text(campaign, "hours"));
	return true;
}

/* What stops every lane of the campaign alike. Limits of seconds and minutes are what lanes wait
 * for, and they say so. */
static bool say_campaign_stop(const struct why_context *w, const json_t *campaign, struct buf *out)
{
	const json_t *spent = json_object_get(campaign, "spent");
	if (campaign != NULL && document_int(campaign, "sources") == 0) {
		buf_appendf(out,
			    SAY(w, "no active source in pool %s (edm source show)",
				"地址池 %s 没有启用的发信源（edm source show）"),
			    document_text(campaign, "pool"));
		return true;
	}
	if (!json_is_object(spent))
		return false;
	put(out, SAY(w, "its limit of ", "其限额每 "));
	say_rate(w, spent, out);
	buf_appendf(out, SAY(w, " is used up (limit %lld by %s)", "已用完（限制 %lld，%s 设定）"),
		    (long long)document_int(spent, "limit_id"), document_text(spent, "set_by"));
	return true;
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
	put_until(w, until, out);
}

void why_say_waiting(const struct why_context *w, const json_t *waiting, struct buf *out)
{
	bool is_own = strcmp(document_text(waiting, "level"), "campaign") == 0;
	int64_t next = document_int(waiting, "next_at"), until = document_int(waiting, "until");
	if (document_text(waiting, "origin")[0] != '\0') {
		say_learnt(w, waiting, is_own, out);
		return;
	}
	put(out, is_own ? SAY(w, "it waits for its limit of ", "受其限额约束：")
			: SAY(w, "it waits for its sending domain's limit of ",
			      "受其发信域名限额约束："));
	say_limit(w, waiting, out);
	buf_appendf(out, SAY(w, " (limit %lld by %s)", "（限制 %lld，%s 设定）"),
		    (long long)document_int(waiting, "limit_id"), document_text(waiting, "set_by"));
	if (next > w->now_us) {
		put(out, SAY(w, ", ", "，"));
		put_until(w, next, out);
	}
	if (until != 0) {
		put(out, SAY(w, "; the limit holds ", "；该限制有效期"));
		put_until(w, until, out);
	}
}

/* What holds them whatever their lanes do. */
static bool say_wide_hold(const struct why_context *w, const char *target, struct buf *out)
{
	const struct live_scope scope = {.campaign = w->campaign, .target = target};
	if (say_campaign_hold(w, out))
		return true;
	const json_t *pause = live_pause(w->live, &scope);
	if (pause != NULL) {
		say_pause(w, pause, out);
		return true;
	}
	if (!live_has_node(w->live)) {
		put(out, SAY(w, "no node is running (edm run starts one)",
			     "没有运行中的节点（edm run 可启动）"));
		return true;
	}
	const char *stopped = live_trouble(w->live, NULL, "stopped");
	if (stopped != NULL) {
		put(out, stopped);
		return true;
	}
	const json_t *campaign = live_campaign(w->live, w->campaign);
	if (why_say_closed(w, campaign, out) || say_campaign_stop(w, campaign, out))
		return true;
	const json_t *limited = live_waiting(w->live, w->campaign, target);
	if (limited == NULL)
		return false;
	why_say_waiting(w, limited, out);
	return true;
}

bool why_say_hold(const struct why_context *w, const char *target, struct buf *out)
{
	const json_t *waiting = NULL;
	if (say_wide_hold(w, target, out))
		return true;
	if (target == NULL || live_open_lane(w->live, w->campaign, target, &waiting) != NULL ||
	    waiting == NULL)
		return false;
	put_wait(w, waiting, out);
	return true;
}

/* -------------------------------------------------------------------------------------- people */

/* Appends what holds somebody. Of whom nobody knows the site yet no lane of the tail is named: it
 * would be one of others. */
static bool say_hold_of(const struct why_context *w, const json_t *person, struct buf *out)
{
	const char *group = document_text(person, "group"), *queue = document_text(person, "queue");
	if (queue[0] != '\0')
		return why_say_hold(w, queue, out);
	return strcmp(group, "tail") == 0 ? say_wide_hold(w, group, out)
					  : why_say_hold(w, group, out);
}

static void say_waiting(const struct why_context *w, const json_t *person, struct buf *out)
{
	const char *group = document_text(person, "group");
	put(out, SAY(w, "waiting: ", "等待中："));
	if (!say_hold_of(w, person, out))
		buf_appendf(out,
			    SAY(w, "its turn among the people of group %s has not come yet",
				"在分组 %s 中排队，尚未轮到"),
			    group);
}

/* The node says that the database does not take what became of people. */
static void put_refusal(const struct why_context *w, const char *node, struct buf *out)
{
	const char *why = live_trouble(w->live, node, "refused");
	if (why == NULL)
		return;
	put(out, SAY(w, "; what became of some of its people cannot be written to the database: ",
		     "；其部分收件人的结果无法写入数据库："));
	put(out, why);
}

static void say_leased(const struct why_context *w, const json_t *person, struct buf *out)
{
	const char *node = document_text(person, "node");
	struct buf hold;
	if (json_is_true(json_object_get(person, "in_doubt"))) {
		put(out, SAY(w, "sending: its node is gone, and its journal is awaited ",
			     "发送中：所在节点已失联，等待其日志"));
		put_until(w, document_int(person, "until"), out);
		put(out,
		    SAY(w, "; without it the state becomes unknown", "；届时仍无则记为结果未知"));
		return;
	}
	buf_appendf(
		out,
		SAY(w, "sending: node %s has had it in hand since ", "发送中：节点 %s 处理中，自 "),
		node);
	put_time(w, document_int(person, "since"), out);
	buf_init(&hold, HOLD_MAX);
	if (say_hold_of(w, person, &hold))
		buf_appendf(out, "%s%s", SAY(w, "; ", "；"), hold.data);
	buf_done(&hold);
	put_refusal(w, node, out);
}

static void say_attempts(const struct why_context *w, const json_t *person, struct buf *out)
{
	int64_t attempts = document_int(person, "attempts");
	buf_appendf(out, SAY(w, " after %lld %s: %s", "，已尝试 %lld %s：%s"), (long long)attempts,
		    SAY(w, plural(attempts, "attempt", "attempts"), "次"),
		    document_text(person, "meaning"));
}

static void say_deferred(const struct why_context *w, const json_t *person, struct buf *out)
{
	put(out, SAY(w, "deferred ", "延迟重试，"));
	put_until(w, document_int(person, "until"), out);
	if (document_int(person, "class") == 0)
		put(out, SAY(w, ": its lane had no room, no attempt was made",
			     "：通道暂无空位，尚未投递"));
	else
		say_attempts(w, person, out);
}

static void say_delivered(const struct why_context *w, const json_t *person, struct buf *out)
{
	const json_t *last = json_array_get(json_object_get(person, "history"), 0);
	put(out, SAY(w, "delivered on ", "已送达，时间 "));
	put_time(w, document_int(person, "since"), out);
	if (last != NULL)
		buf_appendf(out, SAY(w, " from %s to %s", "，由 %s 投递至 %s"),
			    document_text(last, "source"), document_text(last, "mx"));
}

static void say_unknown(const struct why_context *w, const json_t *person, struct buf *out)
{
	put(out, SAY(w, "unknown since ", "结果未知，自 "));
	put_time(w, document_int(person, "since"), out);
	put(out, SAY(w,
		     ": the message had left when the link died, so it may have arrived; edm "
		     "campaign resend --state unknown sends it again",
		     "：邮件发出后连接中断，可能已收到；可用 edm campaign resend --state unknown "
		     "再发"));
}

static void say_final(const struct why_context *w, const json_t *person, struct buf *out)
{
	enum recipient_state state = (enum recipient_state)document_int(person, "state");
	buf_appendf(out, SAY(w, "%s on ", "%s，时间 "), words_state(state, w->language));
	put_time(w, document_int(person, "since"), out);
	put_who(w, document_text(person, "by"), document_text(person, "because"), out);
	if (document_text(person, "meaning")[0] != '\0')
		buf_appendf(out, SAY(w, ": %s", "：%s"), document_text(person, "meaning"));
}

void why_say_person(const struct why_context *w, const json_t *person, struct buf *out)
{
	buf_appendf(out, SAY(w, "In %s: ", "任务 %s："), w->campaign);
	switch ((enum recipient_state)document_int(person, "state")) {
	case RECIPIENT_WAITING:
		say_waiting(w, person, out);
		break;
	case RECIPIENT_LEASED:
		say_leased(w, person, out);
		break;
	case RECIPIENT_DEFERRED:
		say_deferred(w, person, out);
		break;
	case RECIPIENT_DELIVERED:
		say_delivered(w, person, out);
		break;
	case RECIPIENT_UNKNOWN:
		say_unknown(w, person, out);
		break;
	case RECIPIENT_BOUNCED:
	case RECIPIENT_REJECTED:
	case RECIPIENT_BLOCKED:
	case RECIPIENT_EXPIRED:
	case RECIPIENT_SUPPRESSED:
	case RECIPIENT_CANCELLED:
		say_final(w, person, out);
		break;
	}
}

/* ----------------------------------------------------------------------------------- campaigns */

static int64_t open_people(const json_t *campaign)
{
	return document_int(campaign, "waiting") + document_int(campaign, "leased") +
	       document_int(campaign, "deferred");
}

/* Why most of them: the first is of most people. Class 0: put off without an attempt. */
static void say_deferrals(const struct why_context *w, const json_t *most, struct buf *out)
{
	enum outcome_cause cause = (enum outcome_cause)document_int(most, "cause");
	if (most == NULL)
		return;
	if (document_int(most, "class") == 0)
		put(out, SAY(w, " (most untried: their lane or host took nothing)",
			     "（多数尚未投递：通道或主机当时不接收）"));
	else
		buf_appendf(out, SAY(w, " (most for: %s)", "（多数因：%s）"),
			    words_cause(cause, w->language));
}

static void say_progress(const struct why_context *w, const json_t *campaign, struct buf *out)
{
	put_number(w, document_int(campaign, "waiting"), out);
	put(out, SAY(w, " waiting, ", " 人等待，"));
	put_number(w, document_int(campaign, "leased"), out);
	put(out, SAY(w, " sending, ", " 人发送中，"));
	put_number(w, document_int(campaign, "deferred"), out);
	put(out, SAY(w, " deferred", " 人延迟重试"));
	say_deferrals(w, json_array_get(json_object_get(campaign, "deferrals"), 0), out);
	if (document_int(campaign, "next_due_at") != 0) {
		put(out, SAY(w, ", the next one ", "，最近一次"));
		put_until(w, document_int(campaign, "next_due_at"), out);
	}
}

/* Where a receiver limits it, while nothing holds all of it. */
static void say_limits(const struct why_context *w, struct buf *out)
{
	size_t i;
	json_t *waiting;
	json_array_foreach(json_object_get(w->live, "waiting"), i, waiting)
	{
		if (document_text(waiting, "target")[0] == '\0' ||
		    strcmp(document_text(waiting, "campaign"), w->campaign) != 0)
			continue;
		put(out, SAY(w, "; ", "；"));
		why_say_waiting(w, waiting, out);
	}
}

static void say_running(const struct why_context *w, const json_t *campaign, struct buf *out)
{
	size_t before = out->len, i;
	json_t *group;
	bool is_held = true;
	if (why_say_hold(w, NULL, out)) {
		put(out, SAY(w, "; ", "；"));
	} else {
		json_array_foreach(json_object_get(campaign, "groups"), i, group) is_held &=
			document_text(group, "hold")[0] != '\0';
		group = json_array_get(json_object_get(campaign, "groups"), 0);
		if (is_held && group != NULL)
			buf_appendf(out, "%s%s", document_text(group, "hold"), SAY(w, "; ", "；"));
	}
	if (out->len == before && !json_is_true(json_object_get(campaign, "complete")))
		put(out, SAY(w, "its audience is still being built; ", "名单仍在构建；"));
	say_progress(w, campaign, out);
	if (!is_held)
		say_limits(w, out);
}

void why_say_campaign(const struct why_context *w, const json_t *campaign, struct buf *out)
{
	buf_appendf(out, SAY(w, "%s is %s: ", "任务 %s %s："), w->campaign,
		    words_campaign_state(w->campaign_state, w->language));
	switch (w->campaign_state) {
	case CAMPAIGN_DRAFT:
		buf_appendf(
			out,
			SAY(w, "edm campaign start %s sends it", "edm campaign start %s 开始发送"),
			w->campaign);
		return;
	case CAMPAIGN_SCHEDULED:
		put(out, SAY(w, "it starts on ", "将于 "));
		put_time(w, w->scheduled_us, out);
		put(out, SAY(w, "", " 开始"));
		return;
	case CAMPAIGN_RUNNING:
		say_running(w, campaign, out);
		return;
	case CAMPAIGN_PAUSED:
		say_campaign_hold(w, out);
		put(out, SAY(w, "; ", "；"));
		say_progress(w, campaign, out);
		return;
	case CAMPAIGN_FINISHED:
	case CAMPAIGN_CANCELLED:
		put(out, SAY(w, "since ", "自 "));
		put_time(w, w->campaign_since_us, out);
		if (open_people(campaign) == 0) {
			put(out, SAY(w, "; everybody has a result", "；所有人均有结果"));
			return;
		}
		put(out, SAY(w, "; still open: ", "；未完结："));
		put_number(w, open_people(campaign), out);
		return;
	}
}

/* --------------------------------------------------------------------------------------- lanes */

/* Mail that is here and waits for a limit that is not the lane's. */
static void say_limited(const struct why_context *w, const char *queue, struct buf *out)
{
	const json_t *waiting = live_waiting(w->live, NULL, queue);
	if (waiting == NULL)
		return;
	buf_appendf(out, SAY(w, "; of campaign %s: ", "；任务 %s："),
		    document_text(waiting, "campaign"));
	why_say_waiting(w, waiting, out);
}

static bool is_draining(const json_t *lane)
{
	return strcmp(document_text(lane, "source_state"), "draining") == 0;
}

void why_say_lane(const struct why_context *w, const json_t *lane, struct buf *out)
{
	const char *name = document_text(lane, "lane");
	const json_t *pause = json_array_get(json_object_get(lane, "pauses"), 0);
	if (document_text(lane, "waits")[0] != '\0' && pause == NULL && !is_draining(lane)) {
		put_wait(w, lane, out);
		return;
	}
	buf_append_cstr(out, name);
	if (is_draining(lane)) {
		const char *source = document_text(lane, "source");
		buf_appendf(
			out,
			SAY(w,
			    " takes no new mail: source %s drains (edm source set %s --active "
			    "takes it back)",
			    " 不再接收新邮件：源 %s 正在排空（edm source set %s --active 可恢复）"),
			source, source);
	} else if (pause != NULL) {
		put(out, SAY(w, " stands still: ", " 已停止："));
		say_pause(w, pause, out);
	} else if (!json_is_true(json_object_get(lane, "in_use"))) {
		put(out, live_has_node(w->live)
				 ? SAY(w, " is idle: no node has mail for it now",
				       " 空闲：当前没有节点有该通道的邮件")
				 : SAY(w, " is idle: no node is running (edm run starts one)",
				       " 空闲：没有运行中的节点（edm run 可启动）"));
	} else {
		buf_appendf(out,
			    SAY(w, " is sending: %lld of %lld sessions, %.1f a second, %lld queued",
				" 正在发送：连接 %lld/%lld，每秒 %.1f 封，排队 %lld"),
			    (long long)document_int(lane, "sessions"),
			    (long long)document_int(lane, "allowed"),
			    json_number_value(json_object_get(lane, "rate")),
			    (long long)document_int(lane, "queued"));
		say_limited(w, document_text(lane, "queue"), out);
	}
}
