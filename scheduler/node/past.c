/* SPDX-License-Identifier: MIT */
/* The past of this node's limits; see past.h. Rows are sorted by target: lanes look up theirs. */
#include "scheduler/node/past.h"

#include <stdlib.h>

#include "engine/base/clock.h"
#include "engine/base/hash.h"
#include "ip-pool/store/lane_store.h"
#include "scheduler/node/slices.h"

/* A lane of the tail that was at work when the process was killed has usage of this time. */
#define RECENT_MS 180000
/* A connection opened under a wider limit goes on for so long at most: its message ends. */
#define CARRY_MS 600000
/* The longest bucket of usage. */
#define BUCKET_MS 900000

struct past {
	struct past_stop *stops; /* oldest first */
	size_t stop_count;
	struct usage_list usage;
	struct past_usage *rows; /* by target, then time */
	bool is_loaded;
};

static int compare_targets(const void *a, const void *b)
{
	const struct past_usage *x = a;
	const struct past_usage *y = b;
	int order = str_compare(x->target, y->target);
	if (order != 0)
		return order;
	return (x->at_ms > y->at_ms) - (x->at_ms < y->at_ms);
}

static int load_stops(struct past *p, struct pg_blocking *db, int32_t node, struct err *err)
{
	struct pg_params params;
	struct pg_rows *rows = NULL;
	pg_params_init(&params);
	pg_add_int4(&params, node);
	int status = pg_run(db, "node/past", &params, &rows, err);
	pg_params_done(&params);
	if (status != 0)
		return -1;
	int64_t now = clock_now_ms();
	p->stop_count = (size_t)pg_rows_count(rows);
	p->stops = xcalloc(p->stop_count, sizeof(p->stops[0]));
	for (size_t i = 0; i < p->stop_count; i++)
		p->stops[i] = (struct past_stop){.count = pg_int(rows, (int)i, 0),
						 .first_alive_ms = now - pg_int(rows, (int)i, 1),
						 .last_alive_ms = now - pg_int(rows, (int)i, 2),
						 .begun_ms = now - pg_int(rows, (int)i, 3)};
	pg_rows_free(rows);
	return 0;
}

/* By target, for those who look theirs up. */
static void sort_rows(struct past *p)
{
	p->is_loaded = true;
	size_t size = p->usage.count * sizeof(p->rows[0]);
	p->rows = arena_alloc(&p->usage.arena, size + 1);
	for (size_t i = 0; i < p->usage.count; i++)
		p->rows[i] = p->usage.items[i];
	if (p->usage.count > 0)
		qsort(p->rows, p->usage.count, sizeof(p->rows[0]), compare_targets);
}

struct past *past_new(const struct past_stop *stops, size_t stop_count,
		      const struct past_usage *rows, size_t count)
{
	struct past *p = xcalloc(1, sizeof(*p));
	p->stop_count = stop_count;
	p->stops = xcalloc(stop_count, sizeof(p->stops[0]));
	for (size_t i = 0; i < stop_count; i++)
		p->stops[i] = stops[i];
	arena_init(&p->usage.arena, 0);
	p->usage.items = rows;
	p->usage.count = count;
	sort_rows(p);
	return p;
}

static int load_usage(struct past *p, struct pg_blocking *db, int32_t node, struct err *err)
{
	if (usage_load(db, node, clock_now_ms(), &p->usage, err) != 0)
		return -1;
	sort_rows(p);
	return 0;
}

struct past *past_load(struct pg_blocking *db, struct member_id id, struct err *err)
{
	struct past *p = xcalloc(1, sizeof(*p));
	if (load_stops(p, db, id.node, err) != 0 || load_usage(p, db, id.node, err) != 0) {
		past_free(p);
		return NULL;
	}
	return p;
}

void past_free(struct past *p)
{
	if (p == NULL)
		return;
	if (p->is_loaded)
		usage_done(&p->usage);
	free(p->stops);
	free(p);
}

void past_stop_span(const struct past_view *view, size_t stop, int64_t *from_ms_out,
		    int64_t *to_ms_out)
{
	const struct past_stop *s = &view->past->stops[stop];
	*from_ms_out = s->first_alive_ms - CARRY_MS;
	*to_ms_out = s->begun_ms;
}

static bool is_ours(const struct past_view *view, const struct past_usage *row)
{
	return hash_str(row->target) % view->workers == view->worker;
}

static bool is_of(const struct past_usage *row, const struct limit_scope *scope, uint32_t source)
{
	switch (scope->level) {
	case LEVEL_LANE:
		return row->source == source;
	case LEVEL_SOURCE:
		/* 0: the journal knows that it was sent, but not from where. */
		return row->source == source || row->source == 0;
	case LEVEL_DOMAIN:
		return str_equals_nocase(row->domain, scope->domain);
	case LEVEL_CAMPAIGN:
		return row->campaign == scope->campaign;
	case LEVEL_PROVIDER:
	case LEVEL_NODE:
		return true;
	}
	return false;
}

/* The first row of this target or a later one. */
static size_t first_of(const struct past *p, struct str target)
{
	size_t low = 0;
	size_t high = p->usage.count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (str_compare(p->rows[middle].target, target) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void apply_stop(const struct past_view *view, size_t stop, const struct past_extent *extent,
		       struct limiter *l, int64_t now)
{
	const struct past_stop *s = &view->past->stops[stop];
	int64_t over_ms = s->begun_ms + extent->close_ms;
	struct past_left left = {.connections = 0};
	if (extent->left != NULL)
		left = extent->left(extent->owner, view, stop);
	int64_t connections = left.connections * s->count;
	/* Of a limit over all nodes the database counts the killed one's share from its end on. */
	int64_t alive_ms = level_is_of_all(l->scope.level) ? s->begun_ms : s->last_alive_ms;
	limiter_distrust(l, connections, over_ms, alive_ms, now);
	l->died_ms = s->last_alive_ms;
	limiter_add_connects(l, over_ms, left.connects * s->count, now);
	/* The next envelope may have ridden with a body. */
	if (extent->may_overlap)
		limiter_add_usage(l, over_ms, connections, now);
}

static void add_row(struct limiter *l, const struct past_usage *row, int64_t now)
{
	limiter_add_usage(l, row->at_ms, row->messages, now);
	limiter_add_connects(l, row->at_ms, row->connections, now);
}

void past_apply(const struct past_view *view, const struct past_extent *extent, struct limiter *l,
		int64_t now)
{
	const struct past *p = view->past;
	const struct limit_scope *scope = &l->scope;
	if (p == NULL)
		return;
	bool has_target = scope->level == LEVEL_LANE || scope->level == LEVEL_PROVIDER ||
			  scope->level == LEVEL_DOMAIN;
	for (size_t i = has_target ? first_of(p, scope->site) : 0; i < p->usage.count; i++) {
		const struct past_usage *row = &p->rows[i];
		if (has_target && !str_equals(row->target, scope->site))
			break;
		if ((has_target || is_ours(view, row)) && is_of(row, scope, extent->source) &&
		    !(extent->is_counted && extent->is_counted(extent->owner, row->source)))
			add_row(l, row, now);
	}
	for (size_t stop = 0; stop < p->stop_count; stop++)
		apply_stop(view, stop, extent, l, now);
}

/* Providers are few: one that was used that day may have been at work when the process was killed,
 * after a long rest or a suspension. */
static bool was_at_work(const struct past_targets *want, const struct past_usage *row,
			const struct past_stop *stop)
{
	if (row->at_ms > stop->begun_ms + BUCKET_MS)
		return false;
	return row->at_ms >= stop->first_alive_ms - RECENT_MS ||
	       (want->is_provider != NULL && want->is_provider(want->owner, row->target));
}

void past_targets(const struct past_view *view, const struct past_targets *want)
{
	const struct past *p = view->past;
	struct str last = {0};
	for (size_t i = 0; i < p->usage.count; i++) {
		const struct past_usage *row = &p->rows[i];
		if (row->source != want->source || str_equals(row->target, last) ||
		    !was_at_work(want, row, &p->stops[want->stop]) || !is_ours(view, row) ||
		    !is_of(row, want->scope, want->source))
			continue;
		last = row->target;
		want->on_target(want->owner, last);
	}
}

void past_campaigns(const struct past_view *view,
		    void (*on_campaign)(void *owner, int64_t campaign), void *owner)
{
	const struct past *p = view->past;
	for (size_t i = 0; p != NULL && i < p->usage.count; i++)
		if (p->rows[i].campaign != 0 && is_ours(view, &p->rows[i]))
			on_campaign(owner, p->rows[i].campaign);
}
