/* SPDX-License-Identifier: MIT */
/*
 * Loading the snapshot: one statement a table, the same readers for the blocking and the
 * asynchronous way. The statements run one by one, so two tables may be a moment apart; whoever
 * changes something raises the version after it, and the next load has it.
 */
#include "ip-pool/store/snapshot.h"

#include <stdlib.h>
#include <string.h>

#define ARENA_BLOCK 16384

/* A snapshot in the making. */
struct builder {
	struct ip_pool_snapshot *snapshot;
	struct past_profile *past; /* in the snapshot's arena */
	size_t past_count;
};

/* A row of load_past_profiles: what is not said is the embedded profile's. */
struct past_profile {
	struct limit_past_profile held;
	bool is_said, was_there;
};

/* Reads the rows of one statement into the snapshot. */
typedef void (*read_rows)(struct builder *b, const struct pg_rows *rows);

/* -- readers -- */

static struct str copy_text(struct builder *b, const struct pg_rows *rows, int row, int col)
{
	return arena_str(&b->snapshot->arena, pg_text(rows, row, col));
}

static void *room_for(struct builder *b, const struct pg_rows *rows, size_t size)
{
	return arena_alloc(&b->snapshot->arena, (size_t)pg_rows_count(rows) * size + 1);
}

/* A column "so many ms left, NULL for ever" as a moment of ours. */
static int64_t moment(const struct builder *b, const struct pg_rows *rows, int row, int col)
{
	if (pg_is_null(rows, row, col))
		return LIMIT_FOREVER;
	return b->snapshot->loaded_ms + pg_int(rows, row, col);
}

static void read_sources(struct builder *b, const struct pg_rows *rows)
{
	struct ip_pool_snapshot *s = b->snapshot;
	s->source_count = (size_t)pg_rows_count(rows);
	s->sources = room_for(b, rows, sizeof(*s->sources));
	s->plans = room_for(b, rows, sizeof(*s->plans));
	for (int i = 0; i < pg_rows_count(rows); i++) {
		s->sources[i] = (struct source){.id = (uint32_t)pg_int32(rows, i, 0),
						.name = copy_text(b, rows, i, 1),
						.address = copy_text(b, rows, i, 2),
						.ehlo = copy_text(b, rows, i, 3),
						.public_address = copy_text(b, rows, i, 4),
						.pool = copy_text(b, rows, i, 5),
						.weight = pg_int32(rows, i, 6),
						.node = copy_text(b, rows, i, 7),
						.state = (enum source_state)pg_int32(rows, i, 8)};
		if (pg_is_null(rows, i, 9) ||
		    warmup_plan_parse_json(pg_text(rows, i, 9), &s->plans[i]) != 0)
			s->plans[i].count = 0;
	}
}

/* What the statements of limits have in common: load_limits, load_past_limits. */
static struct limit_rule read_limit(struct builder *b, const struct pg_rows *rows, int i)
{
	struct limit_rule r = {.id = pg_int(rows, i, 0),
			       .provider = copy_text(b, rows, i, 1),
			       .source = copy_text(b, rows, i, 2),
			       .domain = copy_text(b, rows, i, 3),
			       .node = copy_text(b, rows, i, 4),
			       .campaign = pg_int(rows, i, 5),
			       .is_total = pg_int(rows, i, 6) == 2,
			       .until_ms = moment(b, rows, i, 10)};
	limit_values_init(&r.values);
	int64_t *value = limit_values_at(&r.values, pg_int(rows, i, 7), pg_int(rows, i, 9));
	if (value != NULL)
		*value = pg_int(rows, i, 8);
	return r;
}

static void read_limits(struct builder *b, const struct pg_rows *rows)
{
	struct limit_rule *rules = room_for(b, rows, sizeof(*rules));
	for (int i = 0; i < pg_rows_count(rows); i++) {
		rules[i] = read_limit(b, rows, i);
		rules[i].set_by = copy_text(b, rows, i, 11);
		rules[i].because = copy_text(b, rows, i, 12);
	}
	b->snapshot->limits = (struct limit_rules){rules, (size_t)pg_rows_count(rows)};
}

static void read_past_limits(struct builder *b, const struct pg_rows *rows)
{
	struct limit_past *items = room_for(b, rows, sizeof(*items));
	for (int i = 0; i < pg_rows_count(rows); i++) {
		items[i] =
			(struct limit_past){.rule = read_limit(b, rows, i),
					    .set_ms = b->snapshot->loaded_ms - pg_int(rows, i, 11)};
	}
	b->snapshot->past_limits.items = items;
	b->snapshot->past_limits.count = (size_t)pg_rows_count(rows);
}

static void read_past_profiles(struct builder *b, const struct pg_rows *rows)
{
	b->past_count = (size_t)pg_rows_count(rows);
	b->past = room_for(b, rows, sizeof(*b->past));
	for (int i = 0; i < pg_rows_count(rows); i++)
		b->past[i] = (struct past_profile){
			.held = {.provider = copy_text(b, rows, i, 0),
				 .connections =
					 pg_is_null(rows, i, 1) ? LIMIT_NONE : pg_int(rows, i, 1),
				 .until_ms = b->snapshot->loaded_ms - pg_int(rows, i, 4)},
			.is_said = pg_bool(rows, i, 2),
			.was_there = pg_bool(rows, i, 3)};
}

static void read_pauses(struct builder *b, const struct pg_rows *rows)
{
	struct ip_pool_snapshot *s = b->snapshot;
	s->pause_count = (size_t)pg_rows_count(rows);
	s->pauses = room_for(b, rows, sizeof(*s->pauses));
	for (int i = 0; i < pg_rows_count(rows); i++)
		s->pauses[i] = (struct pause){.id = pg_int(rows, i, 0),
					      .provider = copy_text(b, rows, i, 1),
					      .source = copy_text(b, rows, i, 2),
					      .campaign = pg_int(rows, i, 3),
					      .origin = (enum pause_origin)pg_int32(rows, i, 4),
					      .who = copy_text(b, rows, i, 5),
					      .because = copy_text(b, rows, i, 6),
					      .since_us = pg_time(rows, i, 7),
					      .until_ms = moment(b, rows, i, 8)};
}

static void read_providers(struct builder *b, const struct pg_rows *rows)
{
	struct provider_changes *changes = &b->snapshot->profile_changes;
	changes->count = (size_t)pg_rows_count(rows);
	changes->items = room_for(b, rows, sizeof(*changes->items));
	for (int i = 0; i < pg_rows_count(rows); i++)
		changes->items[i] = (struct provider_change){
			.override = {copy_text(b, rows, i, 0), copy_text(b, rows, i, 1)},
			.number = pg_int(rows, i, 2),
			.until_ms = moment(b, rows, i, 3),
			.set_by = copy_text(b, rows, i, 4),
			.because = copy_text(b, rows, i, 5)};
}

static void read_routes(struct builder *b, const struct pg_rows *rows)
{
	struct ip_pool_snapshot *s = b->snapshot;
	s->route_count = (size_t)pg_rows_count(rows);
	s->routes = room_for(b, rows, sizeof(*s->routes));
	for (int i = 0; i < pg_rows_count(rows); i++) {
		s->routes[i] = (struct route){.domain = copy_text(b, rows, i, 0),
					      .host = copy_text(b, rows, i, 1),
					      .port = (uint16_t)pg_int32(rows, i, 2),
					      .tls = (enum route_tls)pg_int32(rows, i, 3),
					      .auth_user = copy_text(b, rows, i, 4)};
		if (!pg_is_null(rows, i, 5))
			s->routes[i].sealed_password = arena_str(&s->arena, pg_bytes(rows, i, 5));
	}
}

static void read_lanes(struct builder *b, const struct pg_rows *rows)
{
	struct ip_pool_snapshot *s = b->snapshot;
	s->lane_count = (size_t)pg_rows_count(rows);
	s->lanes = room_for(b, rows, sizeof(*s->lanes));
	for (int i = 0; i < pg_rows_count(rows); i++) {
		struct lane_record *r = &s->lanes[i];
		*r = (struct lane_record){.source = (uint32_t)pg_int32(rows, i, 0),
					  .target = copy_text(b, rows, i, 1),
					  .warmup_held = pg_bool(rows, i, 4),
					  .warmup_advanced = pg_int(rows, i, 5),
					  .age_ms = pg_int(rows, i, 6),
					  .forgotten = pg_int(rows, i, 7)};
		if (lane_state_parse(pg_text(rows, i, 2), &r->state) != 0)
			must(lane_state_parse(STR("{}"), &r->state) == 0);
		lane_state_forget(&r->state, r->forgotten);
		if (pg_is_null(rows, i, 3) ||
		    warmup_state_parse(pg_text(rows, i, 3), &r->warmup) != 0)
			r->warmup = (struct warmup_state){.step = 0};
	}
}

static void read_parties(struct builder *b, const struct pg_rows *rows)
{
	struct ip_pool_snapshot *s = b->snapshot;
	s->party_count = (size_t)pg_rows_count(rows);
	s->parties = room_for(b, rows, sizeof(*s->parties));
	for (int i = 0; i < pg_rows_count(rows); i++) {
		struct party_record *r = &s->parties[i];
		*r = (struct party_record){.node = copy_text(b, rows, i, 0),
					   .target = copy_text(b, rows, i, 1),
					   .domain = copy_text(b, rows, i, 2),
					   .campaign = pg_int32(rows, i, 3),
					   .name = copy_text(b, rows, i, 4),
					   .age_ms = pg_int(rows, i, 6),
					   .forgotten = pg_int32(rows, i, 7)};
		if (party_state_parse(pg_text(rows, i, 5), &r->state) != 0)
			must(party_state_parse(STR("{}"), &r->state) == 0);
		party_state_forget(&r->state, r->forgotten);
	}
}

static const struct {
	const char *statement;
	read_rows read;
} parts[] = {
	{"ip-pool/load_sources", read_sources},
	{"ip-pool/load_limits", read_limits},
	{"ip-pool/load_past_limits", read_past_limits},
	{"ip-pool/load_pauses", read_pauses},
	{"ip-pool/load_routes", read_routes},
	{"ip-pool/load_lanes", read_lanes},
	{"ip-pool/load_parties", read_parties},
	{"ip-pool/load_providers", read_providers},
	{"ip-pool/load_past_profiles", read_past_profiles},
};

/* -- life -- */

static void builder_init(struct builder *b, int64_t now)
{
	*b = (struct builder){.snapshot = xcalloc(1, sizeof(*b->snapshot))};
	atomic_init(&b->snapshot->refs, 1);
	arena_init(&b->snapshot->arena, ARENA_BLOCK);
	b->snapshot->loaded_ms = now;
}

/* The connections profiles had: where nothing was said, those of the embedded table. */
static int finish_past(struct builder *b, struct err *err)
{
	struct limit_history *history = &b->snapshot->past_limits;
	struct provider_table *embedded = NULL;
	if (b->past_count == 0)
		return 0;
	if (provider_table_builtin(NULL, 0, &embedded, err) != 0)
		return -1;
	struct limit_past_profile *profiles =
		arena_alloc(&b->snapshot->arena, b->past_count * sizeof(*profiles));
	for (size_t i = 0; i < b->past_count; i++) {
		struct past_profile *past = &b->past[i];
		const struct provider *p = provider_find(embedded, past->held.provider);
		if (p == NULL && !past->was_there)
			continue; /* then it began to be */
		if (p != NULL && !past->is_said)
			past->held.connections = p->limits.connections;
		profiles[history->profile_count++] = past->held;
	}
	history->profiles = profiles;
	provider_table_free(embedded);
	return 0;
}

static int make_profiles(struct ip_pool_snapshot *s, int64_t now, struct err *err)
{
	s->profiles_end_ms = provider_changes_end(&s->profile_changes, STR(""), now);
	return provider_table_made(&s->profile_changes, now, &s->providers, err);
}

/* All rows are read: the provider table, and the snapshot is whole. */
static int builder_finish(struct builder *b, struct err *err)
{
	return finish_past(b, err) == 0 ? make_profiles(b->snapshot, b->snapshot->loaded_ms, err)
					: -1;
}

struct ip_pool_snapshot *ip_pool_snapshot_at(struct ip_pool_snapshot *s, int64_t now,
					     struct err *err)
{
	struct ip_pool_snapshot *later = xcalloc(1, sizeof(*later));
	const size_t shared = offsetof(struct ip_pool_snapshot, arena);
	memcpy((char *)later + shared, (const char *)s + shared, sizeof(*later) - shared);
	atomic_init(&later->refs, 1);
	later->base = ip_pool_snapshot_hold(s->base != NULL ? s->base : s);
	later->providers = NULL;
	if (make_profiles(later, now, err) == 0)
		return later;
	ip_pool_snapshot_drop(later);
	return NULL;
}

struct ip_pool_snapshot *ip_pool_snapshot_hold(struct ip_pool_snapshot *s)
{
	atomic_fetch_add(&s->refs, 1);
	return s;
}

void ip_pool_snapshot_drop(struct ip_pool_snapshot *s)
{
	if (s == NULL || atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	provider_table_free(s->providers);
	if (s->base != NULL)
		ip_pool_snapshot_drop(s->base);
	else
		arena_done(&s->arena);
	free(s);
}

const struct source *ip_pool_source(const struct ip_pool_snapshot *s, struct str name)
{
	for (size_t i = 0; i < s->source_count; i++)
		if (str_equals(s->sources[i].name, name))
			return &s->sources[i];
	return NULL;
}

const struct source *ip_pool_source_by_id(const struct ip_pool_snapshot *s, uint32_t id)
{
	for (size_t i = 0; i < s->source_count; i++)
		if (s->sources[i].id == id)
			return &s->sources[i];
	return NULL;
}

const struct lane_record *ip_pool_lane(const struct ip_pool_snapshot *s, uint32_t source,
				       struct str target)
{
	size_t low = 0;
	size_t high = s->lane_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct lane_record *r = &s->lanes[middle];
		int order = r->source != source ? (r->source < source ? -1 : 1)
						: str_compare(r->target, target);
		if (order == 0)
			return r;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

size_t ip_pool_parties(const struct ip_pool_snapshot *s, struct str node, struct str target,
		       const struct party_record **first_out)
{
	size_t low = 0;
	size_t high = s->party_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct party_record *r = &s->parties[middle];
		int order = str_compare(r->node, node);
		if ((order != 0 ? order : str_compare(r->target, target)) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == s->party_count)
		return 0;
	size_t end = low;
	while (end < s->party_count && str_equals(s->parties[end].node, node) &&
	       str_equals(s->parties[end].target, target))
		end++;
	*first_out = &s->parties[low];
	return end - low;
}

/* -- blocking -- */

int ip_pool_load(struct pg_blocking *conn, int64_t now, struct ip_pool_snapshot **out,
		 struct err *err)
{
	struct builder b;
	builder_init(&b, now);
	int status = 0;
	for (size_t i = 0; i < ARRAY_LEN(parts) && status == 0; i++) {
		struct pg_rows *rows = NULL;
		status = pg_run(conn, parts[i].statement, NULL, &rows, err);
		if (status == 0)
			parts[i].read(&b, rows);
		pg_rows_free(rows);
	}
	if (status == 0)
		status = builder_finish(&b, err);
	if (status == 0)
		*out = b.snapshot;
	else
		ip_pool_snapshot_drop(b.snapshot);
	return status;
}

/* -- asynchronous -- */

struct ip_pool_loader {
	struct builder builder;
	size_t replies;
	struct err err;		     /* of the first part that failed */
	ip_pool_on_loaded on_loaded; /* NULL: cancelled */
	void *owner;
};

static void finish(struct ip_pool_loader *l)
{
	if (l->err.kind == ERR_NONE && builder_finish(&l->builder, &l->err) == 0 &&
	    l->on_loaded != NULL) {
		l->on_loaded(l->owner, l->builder.snapshot, NULL);
	} else {
		ip_pool_snapshot_drop(l->builder.snapshot);
		if (l->on_loaded != NULL)
			l->on_loaded(l->owner, NULL, &l->err);
	}
	free(l);
}

static void on_part(void *owner, const struct pg_reply *reply)
{
	struct ip_pool_loader *l = owner;
	if (reply->fate == PG_DONE)
		parts[l->replies].read(&l->builder, reply->rows);
	else if (l->err.kind == ERR_NONE)
		l->err = *reply->err;
	if (++l->replies == ARRAY_LEN(parts))
		finish(l);
}

struct ip_pool_loader *ip_pool_load_start(struct pg *pg, int64_t now, ip_pool_on_loaded on_loaded,
					  void *owner)
{
	struct ip_pool_loader *l = xcalloc(1, sizeof(*l));
	builder_init(&l->builder, now);
	l->on_loaded = on_loaded;
	l->owner = owner;
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		pg_call(pg, parts[i].statement, NULL, on_part, l);
	return l;
}

void ip_pool_load_cancel(struct ip_pool_loader *l, bool pg_is_closed)
{
	if (l == NULL)
		return;
	l->on_loaded = NULL;
	if (!pg_is_closed)
		return;
	ip_pool_snapshot_drop(l->builder.snapshot);
	free(l);
}
