/* SPDX-License-Identifier: MIT */
/*
 * What the world is told of waiting that no lane knows of: campaigns held by a limit of their own,
 * and queues whose hosts take no connection. See worker_private.h.
 */
#include <string.h>

#include "ip-pool/explain.h"
#include "scheduler/node/worker_private.h"

/* A limit that was waited for so lately is what sets the pace. */
#define LATELY_MS 1000
#define QUEUES_NAMED 20
#define CAMPAIGNS_NAMED 20

void worker_note_campaign_wait(struct worker *w, const struct permit_path *path,
			       const struct limiter_wait *wait)
{
	if (wait->level != LEVEL_CAMPAIGN && wait->level != LEVEL_DOMAIN)
		return;
	struct shared_limiter *l =
		CONTAINER_OF(path->shared[LEVEL_CAMPAIGN], struct shared_limiter, limiter);
	l->campaign_wait = (struct campaign_wait){.binding = path->shared[wait->level],
						  .last = *wait,
						  .noted_ms = loop_now_ms(w->loop)};
}

/* ----------------------------------------------------------------------------------- campaigns */

static bool has_work(const struct worker_queue *q, int64_t campaign)
{
	LIST_EACH (it, &q->jobs.shares) {
		const struct share *share = LIST_ITEM(it, struct share, node);
		if (share->owner.campaign == campaign)
			return share->queued_count + share->ahead_count + share->ready_count > 0;
	}
	return false;
}

/* Names the queues with people of the campaign that the limit concerns; false when there are none.
 */
static bool append_queues(struct worker *w, int64_t campaign, const struct limiter *binding,
			  struct buf *out)
{
	size_t count = 0;
	buf_append_cstr(out, "\"queues\":[");
	for (struct map_node *n = map_next(&w->queues, NULL); n; n = map_next(&w->queues, n)) {
		const struct worker_queue *q = CONTAINER_OF(n, struct worker_queue, by_name);
		bool is_elsewhere = binding->scope.level == LEVEL_DOMAIN &&
				    !str_equals(binding->scope.site, q->name);
		if (count == QUEUES_NAMED || is_elsewhere || !has_work(q, campaign))
			continue;
		if (count++ > 0)
			buf_append_char(out, ',');
		buf_append_json(out, q->name);
	}
	buf_append_char(out, ']');
	return count > 0;
}

static void append_limit(struct worker *w, const struct limiter *l, const struct limiter_wait *wait,
			 struct buf *out)
{
	int64_t now = loop_now_ms(w->loop);
	/* The limit itself, not the share of it. */
	const struct cap *cap = caps_of_meter(&l->caps, limit_meter(wait->kind, wait->period));
	buf_appendf(out,
		    ",\"level\":\"%s\",\"kind\":\"%s\",\"value\":%lld,\"period_ms\":%lld,"
		    "\"limit_id\":%lld",
		    limit_level_name(l->scope.level), limit_kind_name(wait->kind),
		    (long long)cap->count,
		    wait->kind == LIMIT_CONNECTIONS ? 0LL
						    : (long long)limit_period_ms(wait->period),
		    (long long)cap->rule);
	if (cap->until_ms != LIMIT_FOREVER)
		buf_appendf(out, ",\"until\":%lld", (long long)worker_wall_us(w, cap->until_ms));
	if (wait->at_ms > now && wait->at_ms != LIMITER_ON_EVENT)
		buf_appendf(out, ",\"next_at\":%lld", (long long)worker_wall_us(w, wait->at_ms));
	if (wait->cap.origin == ORIGIN_KILLED)
		buf_appendf(out, ",\"killed_at\":%lld",
			    (long long)worker_wall_us(w, wait->died_ms));
}

/* Nothing once it waits no longer: it is not looked at again before it does. */
static void append_campaign(struct worker *w, struct shared_limiter *l, struct buf *out)
{
	int64_t now = loop_now_ms(w->loop);
	struct campaign_wait *cw = &l->campaign_wait;
	size_t before = out->len;
	if (cw->binding == NULL)
		return;
	bool is_waiting = limiter_message_ready_at(cw->binding, now, &cw->last) > now ||
			  cw->noted_ms > now - LATELY_MS;
	if (before > 0)
		buf_append_char(out, ',');
	buf_appendf(out, "{\"campaign_id\":%lld,", (long long)l->limiter.scope.campaign);
	if (is_waiting && append_queues(w, l->limiter.scope.campaign, cw->binding, out)) {
		append_limit(w, cw->binding, &cw->last, out);
		buf_append_char(out, '}');
	} else {
		cw->binding = NULL;
		out->len = before;
	}
	/* Never half an object: a status that is full just ends. */
	if (out->is_truncated)
		out->len = before;
}

void worker_append_campaign_waits(struct worker *w, struct buf *out)
{
	for (struct map_node *n = map_next(&w->limiters, NULL); n && !out->is_truncated;
	     n = map_next(&w->limiters, n))
		append_campaign(w, CONTAINER_OF(n, struct shared_limiter, node), out);
	for (struct map_node *n = map_next(&w->queues, NULL); n && !out->is_truncated;
	     n = map_next(&w->queues, n))
		worker_append_party_waits(CONTAINER_OF(n, struct worker_queue, by_name), out);
}

void worker_append_campaigns(const struct worker_queue *q, struct buf *out)
{
	size_t count = 0;
	buf_append_cstr(out, ",\"campaigns\":[");
	LIST_EACH (it, &q->jobs.shares) {
		int64_t campaign = LIST_ITEM(it, struct share, node)->owner.campaign;
		if (count < CAMPAIGNS_NAMED && has_work(q, campaign))
			buf_appendf(out, count++ > 0 ? ",%lld" : "%lld", (long long)campaign);
	}
	buf_append_char(out, ']');
}

/* --------------------------------------------------------------------------------------- hosts */

static const struct site *refusing_site(const struct worker_queue *q)
{
	LIST_EACH (it, &q->dead_sites) {
		const struct site *site = LIST_ITEM(it, struct site, dead);
		if (site_is_dead(site) && provider_queue_has_site(&q->jobs, site))
			return site;
	}
	return NULL;
}

/* A host that takes no connection. */
struct refusal {
	const char *host, *said;
	int64_t since_ms, next_ms; /* next: INT64_MAX = a try is under way */
};

static void say_refused(const struct refusal *r, int64_t now, struct buf *out)
{
	if (r->next_ms == INT64_MAX) {
		buf_append_cstr(out, "waits for a try under way");
	} else {
		buf_append_cstr(out, "waits ");
		explain_duration(r->next_ms > now ? r->next_ms - now : 0, out);
	}
	buf_appendf(out, ": %s cannot be connected to (%s), for ", r->host, r->said);
	explain_duration(now - r->since_ms, out);
	buf_append_cstr(out, " now");
}

static void append_refusal(const struct worker *w, const struct refusal *r, struct buf *out)
{
	int64_t now = loop_now_ms(w->loop);
	struct buf sentence;
	buf_init(&sentence, 1024);
	say_refused(r, now, &sentence);
	buf_append_cstr(out, ",\"waits\":");
	buf_append_json(out, buf_str(&sentence));
	buf_done(&sentence);
	if (r->next_ms != INT64_MAX)
		buf_appendf(out, ",\"waits_ms\":%lld", (long long)(r->next_ms - now));
	buf_append_cstr(out, ",\"refused\":{\"host\":");
	buf_append_json(out, str_from(r->host));
	buf_append_cstr(out, ",\"said\":");
	buf_append_json(out, str_from(r->said));
	buf_appendf(out, ",\"since\":%lld", (long long)worker_wall_us(w, r->since_ms));
	if (r->next_ms != INT64_MAX)
		buf_appendf(out, ",\"next_at\":%lld", (long long)worker_wall_us(w, r->next_ms));
	buf_append_char(out, '}');
}

bool worker_append_refused(struct lane *lane, struct buf *out)
{
	struct worker *w = lane->queue->worker;
	int64_t now = loop_now_ms(w->loop);
	const struct site *site = refusing_site(lane->queue);
	int64_t next_ms = site != NULL ? site_opens_at(site, now) : lane->queue->parked_until_ms;
	if (site == NULL)
		site = worker_queue_parked_of(lane->queue, now);
	if (site == NULL || lane->greeted > 0)
		return false;
	const struct refusal r = {site->last_host, site->last_text, site->dead_since_ms, next_ms};
	append_refusal(w, &r, out);
	return true;
}

bool worker_append_turned_away(struct lane *lane, struct buf *out)
{
	const struct refusal r = {lane->failed_host, lane->failed_text, lane->failed_since_ms,
				  INT64_MAX};
	if (lane->failed_since_ms == 0 || lane->greeted > 0)
		return false;
	append_refusal(lane->queue->worker, &r, out);
	return true;
}
