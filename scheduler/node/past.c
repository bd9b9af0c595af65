/* SPDX-License-Identifier: MIT */
/* The past of this node's limits; see past.h. Rows are sorted by target: lanes look up theirs. */
#include "scheduler/node/past.h"

#include <stdlib.h>

#include "engine/base/clock.h"
#include "engine/base/hash.h"
#include "ip-pool/store/lane_store.h"
#include "scheduler/node/usage_file.h"

/* A lane of the tail that was at work when the process was killed has usage of this time. */
#define RECENT_MS 180000
/* A connection opened under a wider limit goes on for so long at most: its message ends. */
#define CARRY_MS 600000
/* The longest bucket of usage. */
#define BUCKET_MS 900000

struct past {
	struct past_stop *stops; /* oldest first */
	size_t stop_count;
	struct usage_list usage; /* of the database … */
	struct usage_list kept;	 /* … and of a file, of what it did not take */
	struct past_usage *rows; /* all of it, by target, then time */
	size_t row_count;
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
	p->row_count = p->usage.count + p->kept.count;
	p->rows = arena_alloc(&p->usage.arena, p->row_count * sizeof(p->rows[0]) + 1);
	for (size_t i = 0; i < p->row_count; i++)
		p->rows[i] =
			i < p->usage.count ? p->usage.items[i] : p->kept.items[i - p->usage.count];
	if (p->row_count > 0)
		qsort(p->rows, p->row_count, sizeof(p->rows[0]), compare_targets);
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
	arena_init(&p->kept.arena, 0);
	p->usage.items = rows;
	p->usage.count = count;
	sort_rows(p);
	return p;
}

/* ---- what was kept in a file */

enum {
	KEPT_MINUTE,
	KEPT_SOURCE,
	KEPT_DOMAIN,
	KEPT_CAMPAIGN,
	KEPT_MESSAGES,
	KEPT_CONNECTIONS,
	KEPT_TARGET,
	KEPT_COLUMNS
};

static void on_kept(void *owner, const struct usage *row)
{
	struct pg_array *columns = owner;
	pg_array_time(&columns[KEPT_MINUTE], row->minute_us);
	pg_array_int(&columns[KEPT_SOURCE], row->source_id);
	pg_array_int(&columns[KEPT_DOMAIN], row->sending_domain_id);
	pg_array_int(&columns[KEPT_CAMPAIGN], row->campaign);
	pg_array_int(&columns[KEPT_MESSAGES], row->messages);
	pg_array_int(&columns[KEPT_CONNECTIONS], row->connections);
	pg_array_text(&columns[KEPT_TARGET], row->target);
}

static void take_kept(struct past *p, const struct pg_rows *rows)
{
	int64_t now = clock_now_ms();
	size_t count = (size_t)pg_rows_count(rows);
	struct past_usage *items = arena_alloc(&p->kept.arena, count * sizeof(*items) + 1);
	for (int i = 0; i < pg_rows_count(rows); i++)
		items[i] = (struct past_usage){
			.at_ms = now - pg_int(rows, i, 0),
			.source = (uint32_t)pg_int32(rows, i, 1),
			.target = arena_str(&p->kept.arena, pg_text(rows, i, 2)),
			.domain = arena_str(&p->kept.arena, pg_text(rows, i, 3)),
			.campaign = pg_int32(rows, i, 4),
			.messages = pg_int(rows, i, 5),
			.connections = pg_int(rows, i, 6)};
	p->kept.items = items;
	p->kept.count = count;
}

/* The database knows the names of domains. */
static int ask_kept(struct past *p, struct pg_blocking *db, struct pg_array *columns,
		    struct err *err)
{
	struct pg_params params;
	struct pg_rows *rows = NULL;
	pg_params_init(&params);
	for (int i = 0; i < KEPT_COLUMNS; i++)
		pg_add_array(&params, &columns[i]);
	int status = pg_run(db, "ledger/usage_kept", &params, &rows, err);
	pg_params_done(&params);
	if (status == 0)
		take_kept(p, rows);
	pg_rows_free(rows);
	return status;
}

static int load_kept(struct past *p, struct pg_blocking *db, const char *data_dir, struct err *err)
{
	struct pg_array columns[KEPT_COLUMNS];
	arena_init(&p->kept.arena, 0);
	pg_array_init(&columns[KEPT_MINUTE], PG_TIME);
	for (int i = KEPT_SOURCE; i < KEPT_TARGET; i++)
		pg_array_init(&columns[i], PG_INT4);
	pg_array_init(&columns[KEPT_TARGET], PG_TEXT);
	int status = usage_file_read(data_dir, on_kept, columns, err);
	if (status == 0 && columns[KEPT_MINUTE].count > 0)
		status = ask_kept(p, db, columns, err);
	for (int i = 0; i < KEPT_COLUMNS; i++)
		pg_array_done(&columns[i]);
	return status;
}

static int load_usage(struct past *p, struct pg_blocking *db, int32_t node, const char *data_dir,
		      struct err *err)
{
	if (load_kept(p, db, data_dir, err) != 0 ||
	    usage_load(db, node, clock_now_ms(), &p->usage, err) != 0)
		return -1;
	sort_rows(p);
	return 0;
}

struct past *past_load(struct pg_blocking *db, struct member_id id, const char *data_dir,
		       struct err *err)
{
	struct past *p = xcalloc(1, sizeof(*p));
	if (load_stops(p, db, id.node, err) != 0 ||
	    load_usage(p, db, id.node, data_dir, err) != 0) {
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
	usage_done(&p->kept);
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
	size_t high = p->row_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (str_compare(p->rows[middle].target, target) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

int64_t past_connects(const struct past_view *view, size_t stop, uint32_t source, struct str target)
{
	const struct past *p = view->past;
	const struct past_stop *s = &p->stops[stop];
	int64_t connects = 0;
	for (size_t i = first_of(p, target);
	     i < p->row_count && str_equals(p->rows[i].target, target); i++) {
		const struct past_usage *row = &p->rows[i];
		if (row->source == source && row->at_ms >= s->first_alive_ms - CARRY_MS &&
		    row->at_ms <= s->begun_ms + BUCKET_MS)
			connects += row->connections;
	}
	return connects;
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
	limiter_distrust(l, connections, over_ms, s->last_alive_ms, now);
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
	for (size_t i = has_target ? first_of(p, scope->site) : 0; i < p->row_count; i++) {
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
	for (size_t i = 0; i < p->row_count; i++) {
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
	for (size_t i = 0; p != NULL && i < p->row_count; i++)
		if (p->rows[i].campaign != 0 && is_ours(view, &p->rows[i]))
			on_campaign(owner, p->rows[i].campaign);
}
