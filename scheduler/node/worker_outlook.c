/* SPDX-License-Identifier: MIT */
/* What a lane sends, what binds it and what changes next, as it says once a second. See
 * worker_private.h and ip-pool/outlook.h. */
#include "ip-pool/explain.h"
#include "ip-pool/outlook.h"
#include "scheduler/node/worker_private.h"

#define SAYS_MAX 512

static void append_says(const struct buf *says, struct buf *out)
{
	buf_append_cstr(out, "\"says\":");
	buf_append_json(out, buf_str(says));
}

static void append_cause(const struct lane *lane, const struct limiter_wait *wait, struct buf *out)
{
	const struct worker *w = lane->queue->worker;
	struct wait_cause cause = lane_wait_cause(&lane->limits, wait, loop_now_ms(w->loop));
	if (wait->cap.origin == ORIGIN_DEAD && lane->failed_since_ms != 0)
		cause.reply = lane->failed_text;
	if (cause.since_ms != 0)
		buf_appendf(out, ",\"since\":%lld", (long long)worker_wall_us(w, cause.since_ms));
	if (cause.reply[0] == '\0')
		return;
	buf_append_cstr(out, ",\"reply\":");
	buf_append_json(out, str_from(cause.reply));
}

void worker_append_wait(const struct lane *lane, const struct limiter_wait *wait, struct buf *out)
{
	const struct worker *w = lane->queue->worker;
	bool has_period = wait->kind == LIMIT_MESSAGES || wait->kind == LIMIT_NEW_CONNECTIONS;
	buf_appendf(out, "\"level\":\"%s\",\"kind\":\"%s\"", limit_level_name(wait->level),
		    limit_kind_name(wait->kind));
	if (has_period)
		buf_appendf(out, ",\"per\":\"%s\"", limit_period_name(wait->period));
	buf_appendf(out, ",\"count\":%lld,\"origin\":\"%s\"", (long long)wait->cap.count,
		    limit_origin_name(wait->cap.origin));
	if (wait->cap.rule != 0)
		buf_appendf(out, ",\"limit_id\":%lld", (long long)wait->cap.rule);
	if (wait->at_ms > loop_now_ms(w->loop) && wait->at_ms != LIMITER_ON_EVENT)
		buf_appendf(out, ",\"until\":%lld", (long long)worker_wall_us(w, wait->at_ms));
	append_cause(lane, wait, out);
}

static void append_binding(const struct lane *lane, const struct permit_path *path, struct buf *out)
{
	int64_t now = loop_now_ms(lane->queue->worker->loop);
	struct limiter_wait wait;
	struct buf says;
	if (!lane_binding(path, now, &wait))
		return;
	buf_init(&says, SAYS_MAX);
	explain_wait(&wait, path_scope(path, wait.level), now, &says);
	buf_append_cstr(out, ",\"binds\":{");
	worker_append_wait(lane, &wait, out);
	buf_append_char(out, ',');
	append_says(&says, out);
	buf_append_char(out, '}');
	buf_done(&says);
}

static void append_change(const struct worker *w, const struct next_change *c, struct buf *out)
{
	int64_t now = loop_now_ms(w->loop);
	struct buf says;
	buf_init(&says, SAYS_MAX);
	explain_change(c, now, &says);
	buf_appendf(out, "{\"what\":\"%s\",\"level\":\"%s\",", change_name(c->kind),
		    limit_level_name(c->level));
	if (c->at_ms > now)
		buf_appendf(out, "\"at\":%lld,", (long long)worker_wall_us(w, c->at_ms));
	if (c->messages > 0)
		buf_appendf(out, "\"messages\":%lld,", (long long)c->messages);
	if (c->from != 0 || c->to != 0)
		buf_appendf(out, "\"from\":%.12g,\"to\":%.12g,", c->from, c->to);
	if (c->rule != 0)
		buf_appendf(out, "\"limit_id\":%lld,", (long long)c->rule);
	if (change_is_of_limit(c->kind))
		buf_appendf(out, "\"kind\":\"%s\",\"per\":\"%s\",", limit_kind_name(c->limit),
			    limit_period_name(c->period));
	append_says(&says, out);
	buf_append_char(out, '}');
	buf_done(&says);
}

void worker_append_outlook(struct lane *lane, struct buf *out)
{
	struct worker_queue *q = lane->queue;
	int64_t now = loop_now_ms(q->worker->loop);
	struct next_change changes[OUTLOOK_MAX];
	/* Lanes are many, and of one that does nothing what was saved tells as much. */
	if (lane->sessions == 0 && provider_queue_total(&q->jobs) == 0)
		return;
	struct permit_path path = worker_path(lane, NULL);
	buf_appendf(out, ",\"sent_per_s\":%.2f,\"learnt_connections\":%lld",
		    controller_sent_rate(&lane->limits.controller, now),
		    (long long)controller_connections(&lane->limits.controller));
	append_binding(lane, &path, out);
	size_t count = lane_outlook(&path, now, changes);
	buf_append_cstr(out, ",\"next\":[");
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buf_append_char(out, ',');
		append_change(q->worker, &changes[i], out);
	}
	buf_append_char(out, ']');
}
