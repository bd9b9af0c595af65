/* SPDX-License-Identifier: MIT */
/* What a worker writes into its journal, and what it tells control once a second. */
#include <stdio.h>
#include <stdlib.h>

#include "ip-pool/explain.h"
#include "ip-pool/outlook.h"
#include "scheduler/node/worker_private.h"

#define LANES_JSON_MAX (2u << 20)
#define WAITING_JSON_MAX (64u << 10)
/* What a lane waited for so lately is what it waits for. */
#define LATELY_MS 2000

static struct journal_key key_of(const struct work_job *job)
{
	return (struct journal_key){.campaign = job->lease->campaign,
				    .chunk = job->lease->chunk,
				    .epoch = job->lease->epoch,
				    .position = job->position,
				    .attempt = (int16_t)job->attempt};
}

/* Segments are counted record by record: what a job put into others before must be told as well. */
static void mark(struct worker *w, uint64_t *mark, uint64_t segment)
{
	if (*mark != 0)
		journal_settled(w->journal, *mark, 1);
	*mark = segment;
}

void worker_record_intent(struct worker *w, struct work_job *job)
{
	if (job->has_intent)
		return;
	struct journal_key key = key_of(job);
	mark(w, &job->marks.intent, journal_intent(w->journal, &key));
	job->has_intent = true;
}

void worker_unrecord_intent(struct worker *w, struct work_job *job)
{
	if (!job->has_intent)
		return;
	struct journal_key key = key_of(job);
	mark(w, &job->marks.retract, journal_retract(w->journal, &key));
	job->has_intent = false;
}

void worker_record_outcome(struct worker *w, struct work_job *job)
{
	struct journal_key key = key_of(job);
	must(job->marks.outcome == 0);
	job->marks.writer = (unsigned)w->options.index;
	job->marks.outcome = journal_outcome(w->journal, &key, &job->result->settlement);
}

void worker_forget_records(struct worker *w, struct work_job *job)
{
	mark(w, &job->marks.intent, 0);
	mark(w, &job->marks.retract, 0);
}

/* -------------------------------------------------------------------------------------------
 * status */

static void append_json_str(struct buf *out, const char *key, struct str value)
{
	buf_appendf(out, "\"%s\":\"", key);
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.ptr[i];
		if (c == '"' || c == '\\')
			buf_appendf(out, "\\%c", c);
		else if (c < ' ')
			buf_appendf(out, "\\u%04x", c);
		else
			buf_append_char(out, (char)c);
	}
	buf_append_char(out, '"');
}

/* Is it connections that it waits for, its own, or nothing just now? */
static bool is_connecting(const struct limiter_wait *wait, int64_t until_ms, int64_t now)
{
	bool is_own = wait->level == LEVEL_LANE && until_ms == LIMITER_ON_EVENT;
	return until_ms <= now || wait->cap.origin == ORIGIN_UNSAVED ||
	       (is_own && wait->kind == LIMIT_CONNECTIONS && wait->cap.origin != ORIGIN_PAUSE);
}

/* Was it for a limit it shares with others? They take what there is, and it asks again. */
static bool shares_short(const struct lane *lane, int64_t now)
{
	const struct limiter_wait *wait = &lane->short_wait;
	return lane->short_ms != 0 && lane->short_ms >= now - LATELY_MS &&
	       wait->level != LEVEL_LANE && wait->cap.origin != ORIGIN_PAUSE &&
	       lane->failed_since_ms == 0;
}

/* What a lane without a connection waits for that may be between two waits just now. */
static int64_t wait_between(struct lane *lane, bool has_mail, int64_t now,
			    struct limiter_wait *wait)
{
	int64_t until_ms = lane->wait_until_ms;
	*wait = lane->wait;
	if (until_ms > now || lane->sessions > 0)
		return until_ms;
	if (!worker_may_connect(lane)) {
		*wait = worker_save_wait(lane, now);
		return wait->at_ms;
	}
	if (!has_mail || !shares_short(lane, now))
		return until_ms;
	*wait = lane->short_wait;
	wait->at_ms = now + 1;
	return wait->at_ms;
}

static void append_wait(struct buf *out, struct lane *lane, int64_t now)
{
	struct buf sentence;
	struct limiter_wait wait;
	const struct worker_queue *q = lane->queue;
	bool has_mail = q->jobs.queued_count + q->jobs.ahead_count + q->jobs.ready_count > 0;
	int64_t until_ms = wait_between(lane, has_mail, now, &wait);
	if (has_mail && is_connecting(&wait, until_ms, now) && worker_append_turned_away(lane, out))
		return;
	/* Who has no mail asks for no share or connection, and waits for none. */
	enum limit_origin origin = wait.cap.origin;
	if (until_ms <= now || (!has_mail && (origin == ORIGIN_SLICE || origin == ORIGIN_UNSAVED)))
		return;
	buf_init(&sentence, 512);
	struct permit_path path = worker_path(lane, NULL);
	explain_wait(&wait, path_scope(&path, wait.level), now, &sentence);
	buf_append_char(out, ',');
	append_json_str(out, "waits", buf_str(&sentence));
	if (until_ms != LIMITER_ON_EVENT)
		buf_appendf(out, ",\"waits_ms\":%lld", (long long)(until_ms - now));
	buf_append_cstr(out, ",\"wait\":{");
	worker_append_wait(lane, &wait, out);
	buf_append_char(out, '}');
	buf_done(&sentence);
}

static void append_lane(struct buf *out, struct lane *lane, int64_t now)
{
	const struct worker_queue *q = lane->queue;
	size_t before = out->len;
	if (out->len > 0)
		buf_append_char(out, ',');
	buf_append_char(out, '{');
	append_json_str(out, "source", lane->source->name);
	buf_append_char(out, ',');
	append_json_str(out, "queue", q->name);
	buf_appendf(out, ",\"tail\":%s,\"sessions\":%zu,\"allowed\":%lld,\"delivered\":%llu",
		    q->provider.len ? "false" : "true", lane->sessions,
		    (long long)lane_connections_cap(&lane->limits, now).count,
		    (unsigned long long)lane->delivered);
	buf_appendf(out, ",\"settled\":%llu,\"queued\":%zu,\"ready\":%zu,\"rate\":%.1f",
		    (unsigned long long)lane->settled, q->jobs.queued_count + q->jobs.ahead_count,
		    q->jobs.ready_count, q->rate_per_s);
	double learnt = controller_rate(&lane->limits.controller);
	if (learnt > 0)
		buf_appendf(out, ",\"learnt_per_s\":%.2f", learnt);
	worker_append_campaigns(q, out);
	if (q->told != 0)
		buf_appendf(out, ",\"limit_about\":\"%s\"", outcome_scope_name(q->told));
	worker_append_parties(q, out);
	worker_append_outlook(lane, out);
	if (!worker_append_refused(lane, out))
		append_wait(out, lane, now);
	buf_append_char(out, '}');
	/* Never half an object: a status that is full just ends. */
	if (out->is_truncated && out->len > before)
		out->len = before;
}

static void fill_queue_status(struct work_queue_status *status, const struct worker_queue *q)
{
	snprintf(status->name, sizeof(status->name), "%.*s", STR_ARG(q->name));
	status->queued = q->jobs.queued_count + q->jobs.ahead_count;
	status->ready = q->jobs.ready_count;
	status->sessions = q->sessions;
	status->settled = q->settled;
}

static size_t count_pools(struct worker *w)
{
	size_t count = 0;
	for (struct map_node *n = map_next(&w->queues, NULL); n; n = map_next(&w->queues, n)) {
		const struct worker_queue *q = CONTAINER_OF(n, struct worker_queue, by_name);
		for (size_t i = 0; i < q->source_count; i++)
			count += worker_queue_begins_pool(q, i);
	}
	return count;
}

/* Those of the queue that was filled in last. */
static void add_pools(struct work_status *s, struct worker_queue *q, int64_t now)
{
	for (size_t i = 0; i < q->source_count; i++) {
		struct str pool = q->sources[i]->pool;
		if (worker_queue_begins_pool(q, i))
			s->pools[s->pool_count++] = (struct work_pool_status){
				.queue = s->queue_count - 1,
				.pool = arena_str(&s->names, pool),
				.next_ms = worker_queue_next_ms(q, &pool, now),
				.is_refused = worker_queue_is_refused(q, pool, now)};
	}
}

void work_status_free(struct work_status *status)
{
	if (status == NULL)
		return;
	buf_done(&status->lanes);
	buf_done(&status->waiting);
	arena_done(&status->names);
	free(status->pools);
	free(status);
}

void worker_send_status(struct worker *w)
{
	int64_t now = loop_now_ms(w->loop);
	struct work_status *s = xcalloc(1, sizeof(*s) + w->queues.count * sizeof(s->queues[0]));
	s->worker = w->options.index;
	s->sessions = w->sessions;
	s->lag_us = lag_of_thousand_us(loop_lag(w->loop), 999);
	s->longest_us = lag_take_longest_us(loop_lag(w->loop));
	s->is_journal_broken = w->is_journal_broken;
	s->journal = w->journal_failure;
	buf_init(&s->lanes, LANES_JSON_MAX);
	buf_init(&s->waiting, WAITING_JSON_MAX);
	arena_init(&s->names, 0);
	s->pools = xcalloc(count_pools(w), sizeof(s->pools[0]));
	worker_append_campaign_waits(w, &s->waiting);
	for (struct map_node *n = map_next(&w->queues, NULL); n; n = map_next(&w->queues, n)) {
		struct worker_queue *q = CONTAINER_OF(n, struct worker_queue, by_name);
		fill_queue_status(&s->queues[s->queue_count++], q);
		add_pools(s, q, now);
		for (size_t i = 0; i < q->source_count; i++)
			if (q->lanes[i] != NULL && !s->lanes.is_truncated)
				append_lane(&s->lanes, q->lanes[i], now);
	}
	work_status_free(work_post(&w->posts, LETTER_STATUS, s));
}
