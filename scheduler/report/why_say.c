/* SPDX-License-Identifier: MIT */
/* Sentences that say why; see why_say.h. */
#include "scheduler/report/why_say.h"

#include <string.h>

#include "scheduler/report/format.h"
#include "scheduler/report/lane_say.h"

#define HOLD_MAX 8192
#define NAMED 2 /* places of a campaign's sentence */
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

/* ---------------------------------------------------------------------------------------- people
 */

bool why_find_hold(const struct why_context *w, const json_t *person, struct hold *out)
{
	const char *group = document_text(person, "group"), *queue = document_text(person, "queue");
	const char *target = queue[0] != '\0' ? queue : group;
	bool is_to_wait = document_int(person, "state") == RECIPIENT_DEFERRED &&
			  document_int(person, "until") > w->now_us;
	return hold_find(w, target, out) || (!is_to_wait && hold_find_turn(w, target, out));
}

static bool say_hold_of(const struct why_context *w, const json_t *person, struct buf *out)
{
	struct hold hold;
	if (!why_find_hold(w, person, &hold))
		return false;
	hold_say(w, &hold, out);
	return true;
}

static void say_waiting(const struct why_context *w, const json_t *person, struct buf *out)
{
	const char *group = document_text(person, "group");
	struct hold hold;
	bool is_held = why_find_hold(w, person, &hold);
	put(out, SAY(w, "waiting: ", "等待中："));
	if (!is_held || hold.kind == HOLD_TURN)
		buf_appendf(out,
			    SAY(w, "its turn among the people of group %s has not come yet%s",
				"在分组 %s 中排队，尚未轮到%s"),
			    group, is_held ? SAY(w, ": ", "：") : "");
	if (is_held)
		hold_say(w, &hold, out);
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
		hold_say_until(w, document_int(person, "until"), out);
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

static void put_reply(const struct why_context *w, const json_t *person, struct buf *out)
{
	const char *reply = document_text(person, "reply");
	if (reply[0] != '\0')
		buf_appendf(out, SAY(w, " (\"%s\")", "（“%s”）"), reply);
}

static void say_attempts(const struct why_context *w, const json_t *person, struct buf *out)
{
	int64_t attempts = document_int(person, "attempts");
	buf_appendf(out, SAY(w, " after %lld %s: %s", "，已尝试 %lld %s：%s"), (long long)attempts,
		    SAY(w, plural(attempts, "attempt", "attempts"), "次"),
		    document_text(person, "meaning"));
	put_reply(w, person, out);
}

/* Put off untried: by what holds those behind whom he would be. */
static void say_untried(const struct why_context *w, const json_t *person, struct buf *out)
{
	struct hold hold;
	put(out, SAY(w, ": its lane had no room, no attempt was made", "：通道暂无空位，尚未投递"));
	if (!why_find_hold(w, person, &hold))
		return;
	put(out, SAY(w, "; ", "；"));
	hold_say(w, &hold, out);
}

static void say_deferred(const struct why_context *w, const json_t *person, struct buf *out)
{
	bool is_due = document_int(person, "until") <= w->now_us;
	put(out, is_due ? SAY(w, "deferred, due since ", "延迟重试，已到期，自 ")
			: SAY(w, "deferred ", "延迟重试，"));
	if (is_due)
		put_time(w, document_int(person, "until"), out);
	else
		hold_say_until(w, document_int(person, "until"), out);
	if (document_int(person, "class") == 0)
		say_untried(w, person, out);
	else
		say_attempts(w, person, out);
	struct hold hold;
	if (!is_due || document_int(person, "class") == 0 || !why_find_hold(w, person, &hold))
		return;
	put(out, SAY(w, "; ", "；"));
	hold_say(w, &hold, out);
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
	buf_appendf(out,
		    SAY(w,
			": the message had left when the link died, so it may have arrived; edm "
			"campaign resend %s --state unknown sends it again",
			"：邮件发出后连接中断，可能已收到；可用 edm campaign resend %s --state "
			"unknown 再发"),
		    w->campaign);
}

static void say_final(const struct why_context *w, const json_t *person, struct buf *out)
{
	enum recipient_state state = (enum recipient_state)document_int(person, "state");
	buf_appendf(out, SAY(w, "%s on ", "%s，时间 "), words_state(state, w->language));
	put_time(w, document_int(person, "since"), out);
	hold_say_who(w, document_text(person, "by"), document_text(person, "because"), out);
	if (document_text(person, "meaning")[0] != '\0')
		buf_appendf(out, SAY(w, ": %s", "：%s"), document_text(person, "meaning"));
	put_reply(w, person, out);
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
		hold_say_until(w, document_int(campaign, "next_due_at"), out);
	}
}

void why_say_place(const struct why_context *w, const json_t *place, int64_t of, struct buf *out)
{
	int64_t n = document_int(place, "people");
	if (n < of) {
		put_number(w, w->language == LANGUAGE_ZH ? of : n, out);
		put(out, SAY(w, " of ", " 人中 "));
		put_number(w, w->language == LANGUAGE_ZH ? n : of, out);
		put(out, SAY(w, ": ", " 人："));
	}
	put(out, document_text(json_object_get(place, "held"), "says"));
}

/* What holds all of it, or most; false: what holds some is said after the progress. */
static bool say_main_hold(const struct why_context *w, const json_t *campaign, struct buf *out)
{
	const json_t *most = json_array_get(json_object_get(campaign, "places"), 0);
	int64_t of = open_people(campaign);
	struct hold hold;
	if (hold_find(w, NULL, &hold))
		hold_say(w, &hold, out);
	else if (2 * document_int(most, "people") >= of && most != NULL)
		why_say_place(w, most, of, out);
	else
		return false;
	put(out, SAY(w, "; ", "；"));
	return true;
}

/* At most two places are named, the one before the progress included; of the others it is said how
 * many there are. */
static void say_other_holds(const struct why_context *w, const json_t *campaign, size_t from,
			    struct buf *out)
{
	const json_t *places = json_object_get(campaign, "places");
	size_t count = json_array_size(places), more = count > NAMED ? count - NAMED : 0;
	for (size_t i = from; i < NAMED && i < count; i++) {
		put(out, SAY(w, "; ", "；"));
		why_say_place(w, json_array_get(places, i), open_people(campaign), out);
	}
	if (more > 0)
		buf_appendf(out,
			    SAY(w, "; %zu more %s held (edm why %s --json has them)",
				"；另有 %zu %s（edm why %s --json 可列出）"),
			    more,
			    SAY(w, plural((int64_t)more, "queue is", "queues are"), "处也被阻塞"),
			    w->campaign);
}

static void say_running(const struct why_context *w, const json_t *campaign, struct buf *out)
{
	struct hold hold;
	bool is_said = say_main_hold(w, campaign, out);
	if (!is_said && !json_is_true(json_object_get(campaign, "complete")))
		put(out, SAY(w, "its audience is still being built; ", "收件人仍在生成；"));
	say_progress(w, campaign, out);
	if (!hold_find(w, NULL, &hold))
		say_other_holds(w, campaign, is_said, out);
}

void why_say_campaign(const struct why_context *w, const json_t *campaign, struct buf *out)
{
	buf_appendf(out, SAY(w, "%s is %s: ", "任务 %s %s："), w->campaign,
		    words_campaign_state(w->campaign_state, w->language));
	struct hold hold;
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
		if (hold_find(w, NULL, &hold))
			hold_say(w, &hold, out);
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
	hold_say_waiting(w, waiting, out);
}

static bool is_draining(const json_t *lane)
{
	return strcmp(document_text(lane, "source_state"), "draining") == 0;
}

static void say_draining(const struct why_context *w, const json_t *lane, struct buf *out)
{
	const char *source = document_text(lane, "source");
	buf_appendf(out,
		    SAY(w,
			" takes no new mail: source %s drains (edm source set %s --active takes it "
			"back)",
			" 不再接收新邮件：发信源 %s 正在排空（edm source set %s --active 可恢复）"),
		    source, source);
}

static void say_idle(const struct why_context *w, struct buf *out)
{
	put(out, live_has_node(w->live)
			 ? SAY(w, " is idle: no node has mail for it now",
			       " 空闲：当前没有节点有该通道的邮件")
			 : SAY(w, " is idle: no node is running (edm run starts one)",
			       " 空闲：没有运行中的节点（edm run 可启动）"));
}

static void say_sending(const struct why_context *w, const json_t *lane, struct buf *out)
{
	struct hold binds;
	buf_appendf(out,
		    SAY(w, " is sending: %lld of %lld sessions, %.1f a second, %lld queued",
			" 正在发送：连接 %lld/%lld，每秒 %.1f 封，排队 %lld"),
		    (long long)document_int(lane, "sessions"),
		    (long long)document_int(lane, "allowed"),
		    json_number_value(json_object_get(lane, "rate")),
		    (long long)document_int(lane, "queued"));
	if (hold_find_binding(w, lane, &binds)) {
		put(out, SAY(w, "; binds: ", "；受限于："));
		hold_say(w, &binds, out);
	}
	say_limited(w, document_text(lane, "queue"), out);
}

bool why_find_lane_hold(const struct why_context *w, const json_t *lane, struct hold *out)
{
	if (is_draining(lane))
		return false;
	return hold_find_lane(w, lane, out) || hold_find_binding(w, lane, out);
}

void why_say_lane(const struct why_context *w, const json_t *lane, struct buf *out)
{
	struct hold hold;
	bool is_held = !is_draining(lane) && hold_find_lane(w, lane, &hold);
	if (is_held && hold.kind == HOLD_LANE) {
		hold_say(w, &hold, out);
		return;
	}
	put(out, document_text(lane, "lane"));
	if (is_draining(lane)) {
		say_draining(w, lane, out);
	} else if (is_held) {
		put(out, SAY(w, " stands still: ", " 已停止："));
		hold_say(w, &hold, out);
	} else if (!json_is_true(json_object_get(lane, "in_use"))) {
		say_idle(w, out);
	} else {
		say_sending(w, lane, out);
	}
}
