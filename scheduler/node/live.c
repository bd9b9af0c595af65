/* SPDX-License-Identifier: MIT */
/* What the world sees of a node: one packed row of node_live a second. Control thread. */
#include <stdlib.h>

#include "scheduler/node/node_private.h"

#define LIVE_MAX (8u << 20)

void live_on_status(struct node *n, struct work_status *status)
{
	work_status_free(n->statuses[status->worker]);
	n->statuses[status->worker] = status;
}

/* Comma-separated JSON objects in a status. */
typedef const struct buf *(*said_of)(const struct work_status *status);

static const struct buf *lanes_of(const struct work_status *status)
{
	return &status->lanes;
}

static const struct buf *waiting_of(const struct work_status *status)
{
	return &status->waiting;
}

static void append_list(const struct node *n, const char *key, said_of say, struct buf *out)
{
	bool is_first = true;
	buf_appendf(out, "\"%s\":[", key);
	for (size_t i = 0; i < n->worker_count; i++) {
		const struct buf *said = n->statuses[i] ? say(n->statuses[i]) : NULL;
		if (said == NULL || said->len == 0)
			continue;
		if (!is_first)
			buf_append_char(out, ',');
		buf_append_str(out, buf_str(said));
		is_first = false;
	}
	buf_append_char(out, ']');
}

static size_t sessions_of(const struct node *n)
{
	size_t sessions = 0;
	for (size_t i = 0; i < n->worker_count; i++)
		sessions += n->statuses[i] ? n->statuses[i]->sessions : 0;
	return sessions;
}

static size_t queues_of(const struct node *n)
{
	size_t queues = 0;
	for (size_t i = 0; i < n->worker_count; i++)
		queues += n->statuses[i] ? n->statuses[i]->queue_count : 0;
	return queues;
}

static void append_failure(struct buf *out, const char *key, const struct err *err)
{
	buf_appendf(out, "\"%s\":", key);
	buf_append_json(out, str_from(err->text));
	buf_append_char(out, ',');
}

/* One a worker. */
static void append_loops(const struct node *n, struct buf *out)
{
	const char *before = "\"loops\":[";
	for (size_t i = 0; i < n->worker_count; i++) {
		const struct work_status *status = n->statuses[i];
		if (status == NULL)
			continue;
		buf_appendf(out, "%s{\"lag_p999_ms\":%.1f,\"lag_max_ms\":%.1f}", before,
			    (double)status->lag_us / 1000, (double)status->longest_us / 1000);
		before = ",";
	}
	buf_append_cstr(out, *before == ',' ? "]," : "\"loops\":[],");
}

static void append_gauges(const struct node *n, struct buf *out)
{
	struct keeper_gauges g = keeper_gauges(n->keeper);
	struct resolver_stats dns;
	resolver_stats(n->resolver, &dns);
	buf_appendf(out,
		    "\"sessions\":%zu,\"leases\":%zu,\"held\":%zu,\"open\":%zu,\"unflushed\":%zu,"
		    "\"composed_bytes\":%lld,\"dns_in_flight\":%zu,\"dns_cached\":%zu,"
		    "\"dns_bytes\":%zu,\"sites\":%zu,\"queues\":%zu,",
		    sessions_of(n), g.leases, n->held, g.open_bits, g.unflushed,
		    (long long)composers_bytes(n->composers), dns.in_flight, dns.cached,
		    dns.cached_bytes, n->sites.count, queues_of(n));
	if (g.refusal != NULL) {
		buf_appendf(out, "\"set_aside\":%zu,", g.set_aside);
		append_failure(out, "refused", g.refusal);
	}
	if (n->phase == NODE_DRAINING)
		buf_append_cstr(out, "\"ending\":true,");
	if (n->journal_failure.kind != ERR_NONE)
		append_failure(out, "stopped", &n->journal_failure);
}

/* How fast they are sent, those that are. */
static void append_campaigns(struct node *n, struct buf *out)
{
	const char *before = "";
	buf_append_cstr(out, "\"campaigns\":[");
	for (struct map_node *m = map_next(&n->campaigns, NULL); m;
	     m = map_next(&n->campaigns, m)) {
		const struct node_campaign *campaign = CONTAINER_OF(m, struct node_campaign, by_id);
		if (campaign->rate_per_s <= 0)
			continue;
		buf_appendf(out, "%s{\"campaign_id\":%d,\"rate\":%.2f}", before, campaign->id,
			    campaign->rate_per_s);
		before = ",";
	}
	buf_append_cstr(out, "],");
}

static void on_written(void *owner, const struct pg_reply *reply)
{
	struct node *n = owner;
	n->is_live_pending = false;
	if (reply->fate == PG_REFUSED)
		log_error_event(LOG_WARN, "node_live_failed", reply->err);
}

void live_tick(struct node *n)
{
	if (n->is_live_pending || n->phase == NODE_STOPPING)
		return;
	struct buf live;
	struct pg_params params;
	buf_init(&live, LIVE_MAX);
	buf_append_char(&live, '{');
	append_gauges(n, &live);
	append_loops(n, &live);
	append_campaigns(n, &live);
	append_list(n, "lanes", lanes_of, &live);
	buf_append_char(&live, ',');
	append_list(n, "waiting", waiting_of, &live);
	buf_append_char(&live, '}');
	pg_params_init(&params);
	pg_add_text(&params, str_from(n->options.name));
	pg_add_int4(&params, keeper_id(n->keeper).incarnation);
	pg_add_text(&params, live.is_truncated ? STR("{}") : buf_str(&live));
	n->is_live_pending = true;
	pg_call(n->load, "node/live", &params, on_written, n);
	pg_params_done(&params);
	buf_done(&live);
}

void live_free(struct node *n)
{
	for (size_t i = 0; i < n->worker_count; i++)
		work_status_free(n->statuses[i]);
	free(n->statuses);
	n->statuses = NULL;
}
