/* SPDX-License-Identifier: MIT */
/*
 * What the keeper has done in the background: campaigns and needs read once a second, audiences
 * built, the ledger's upkeep, campaigns started and finished. Control thread; work connection.
 */
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/log.h"
#include "scheduler/ledger/build.h"
#include "scheduler/ledger/upkeep.h"
#include "scheduler/node/keeper_private.h"

#define WORK_MS 1000
/* The same after a NOTIFY, at the least: a thousand of them a second are heard in ten rounds. */
#define READ_GAP_MS 100
#define CHUNK_DAYS 30

struct keeper_work {
	struct keeper *keeper;
	struct upkeep *upkeep;
	struct builder *builder;  /* while there is something to build, or NULL */
	int32_t building;	  /* its campaign */
	size_t turn;		  /* which of those due is built next */
	bool is_listing;	  /* due builds are being asked for */
	bool is_reading;	  /* a round of reading is under way */
	int64_t read_ms;	  /* when the last one began */
	int64_t finish_ms;	  /* when campaigns were last asked whether they are done */
	int moving;		  /* statements that move campaigns on, under way */
	bool is_stale;		  /* and there was a NOTIFY meanwhile */
	char suppressed_from[24]; /* where the feed is read from; empty before the first time */
	struct keeper_campaign *campaigns;
	size_t campaign_count;
	struct arena pools;	   /* of campaigns */
	char zone[HOURS_ZONE_MAX]; /* the round's */
	struct calendar zone_offsets;
	int64_t versions[NODE_CHANGE_COUNT];
};

static struct upkeep_options upkeep_options_of(const struct keeper *k)
{
	return (struct upkeep_options){.id = k->id,
				       .lease_ms = k->options.times.lease_ms,
				       .unknown_retry_ms = k->options.unknown_retry_after_ms,
				       .overdue_ms = k->options.overdue_ms,
				       .outcome_days = k->options.keep_outcomes_days,
				       .chunk_days = CHUNK_DAYS};
}

void keeper_set_upkeep(struct keeper *k, int64_t unknown_retry_after_ms, int64_t overdue_ms,
		       int32_t keep_outcomes_days)
{
	k->options.unknown_retry_after_ms = unknown_retry_after_ms;
	k->options.overdue_ms = overdue_ms;
	k->options.keep_outcomes_days = keep_outcomes_days;
	struct upkeep_options options = upkeep_options_of(k);
	if (k->background != NULL)
		upkeep_set(k->background->upkeep, &options);
}

static struct keeper_work *background_of(struct keeper *k)
{
	if (k->background != NULL)
		return k->background;
	struct keeper_work *b = xcalloc(1, sizeof(*b));
	struct upkeep_options options = upkeep_options_of(k);
	b->keeper = k;
	arena_init(&b->pools, 0);
	b->upkeep = upkeep_open(k->loop, k->work, &options);
	k->background = b;
	return b;
}

void keeper_work_close(struct keeper *k)
{
	if (k->background == NULL)
		return;
	upkeep_close(k->background->upkeep);
	builder_close(k->background->builder);
	free(k->background->campaigns);
	arena_done(&k->background->pools);
	free(k->background);
	k->background = NULL;
}

/* ---------------------------------------------------------------------------------------- builds
 */

static void on_batch(void *owner, int32_t people, int32_t chunks)
{
	struct keeper_work *b = owner;
	(void)people;
	/* Sending begins with the first batch. */
	if (chunks > 0)
		keeper_read_soon(b->keeper);
}

static void on_builds_due(void *owner, enum pg_fate fate, const int32_t *campaigns, size_t count);

static bool is_building(const struct keeper_work *b)
{
	return b->builder != NULL && builder_is_building(b->builder);
}

static void close_builder(struct keeper_work *b)
{
	builder_close(b->builder);
	b->builder = NULL;
}

static void begin_next_build(struct keeper_work *b)
{
	struct keeper *k = b->keeper;
	if (is_building(b) || b->is_listing || k->is_stopping || !pg_is_up(k->work))
		return;
	b->is_listing = true;
	k->work_calls++;
	build_list_due(k->work, on_builds_due, b);
}

static void on_build_end(void *owner, const struct build_result *result)
{
	struct keeper_work *b = owner;
	struct log_line l;
	/* Another one's turn: this one may fail for long, or be somebody else's. */
	if (result->end != BUILD_COMPLETE)
		b->turn++;
	if (result->end == BUILD_FAILED)
		log_error_event(LOG_ERROR, "build_failed", &result->err);
	if (result->end == BUILD_COMPLETE && log_begin(&l, LOG_INFO, "audience_built")) {
		log_int(&l, "campaign", b->building);
		log_int(&l, "people", result->total);
		log_end(&l);
	}
	/* Two hundred campaigns that start together do not wait a second for each other's audience.
	 */
	if (result->end == BUILD_COMPLETE)
		begin_next_build(b);
	else
		close_builder(b);
}

static void on_builds_due(void *owner, enum pg_fate fate, const int32_t *campaigns, size_t count)
{
	struct keeper_work *b = owner;
	struct keeper *k = b->keeper;
	b->is_listing = false;
	k->work_calls--;
	if (is_building(b))
		return;
	if (fate != PG_DONE || count == 0 || k->is_stopping || k->is_fenced) {
		close_builder(b);
		return;
	}
	struct build_events events = {.on_batch = on_batch, .on_end = on_build_end, .owner = b};
	b->building = campaigns[b->turn % count];
	if (b->builder == NULL)
		b->builder = builder_open(k->loop, k->database_url);
	builder_start(b->builder, b->building, &events);
}

/* -------------------------------------------------------------------------------- what there is to
 * do */

/* One statement of the round was answered: with rows? Whoever lost the connection asks again. */
static bool has_read(struct keeper_work *b, const struct pg_reply *reply)
{
	b->keeper->work_calls--;
	if (reply->fate == PG_REFUSED)
		log_error_event(LOG_ERROR, "work_refused", reply->err);
	return reply->fate == PG_DONE;
}

static void on_suppressed_rows(void *owner, const struct pg_reply *reply)
{
	struct keeper_work *b = owner;
	struct keeper *k = b->keeper;
	size_t count = has_read(b, reply) ? (size_t)pg_rows_count(reply->rows) : 0;
	if (count == 0)
		return;
	must(str_to_cstr(pg_text(reply->rows, 0, 0), b->suppressed_from,
			 sizeof(b->suppressed_from)) == 0);
	if (pg_is_null(reply->rows, 0, 1) || k->is_stopping)
		return;
	uint64_t *rids = xcalloc(count, sizeof(rids[0]));
	for (size_t i = 0; i < count; i++)
		rids[i] = (uint64_t)pg_int(reply->rows, (int)i, 1);
	k->options.events->on_suppressed(k->options.owner, rids, count);
	free(rids);
}

/* Whatever there is to hear, the ledger has more to do than to be asked about it. */
static void read_soon(struct keeper *k, const struct keeper_work *b)
{
	int64_t now = loop_now_ms(k->loop);
	int64_t at = b->read_ms + READ_GAP_MS;
	timer_set(k->loop, &k->work_timer, at > now ? at : now);
}

static void on_needs(void *owner, const struct pg_reply *reply)
{
	struct keeper_work *b = owner;
	struct keeper *k = b->keeper;
	bool has_rows = has_read(b, reply);
	b->is_reading = false;
	if (k->is_stopping)
		return;
	if (b->is_stale)
		read_soon(k, b);
	b->is_stale = false;
	if (!has_rows)
		return;
	size_t count = (size_t)pg_rows_count(reply->rows);
	struct keeper_need *needs = xcalloc(count, sizeof(needs[0]));
	for (size_t i = 0; i < count; i++)
		needs[i] = (struct keeper_need){.campaign = pg_int32(reply->rows, (int)i, 0),
						.group = pg_text(reply->rows, (int)i, 1),
						.ready_chunks = pg_int(reply->rows, (int)i, 2)};
	struct keeper_round round = {.campaigns = b->campaigns,
				     .campaign_count = b->campaign_count,
				     .needs = needs,
				     .need_count = count,
				     .versions = b->versions,
				     .zone = b->zone,
				     .zone_offsets = &b->zone_offsets};
	k->options.events->on_work(k->options.owner, &round);
	free(needs);
}

const char *node_change_name(enum node_change kind)
{
	static const char *const names[NODE_CHANGE_COUNT] = {
#define X(id, name) name,
		NODE_CHANGES(X)
#undef X
	};
	return names[kind];
}

/* Kinds that a newer schema counts are not ours to load. */
static void take_version(struct keeper_work *b, struct str kind, int64_t version)
{
	for (size_t i = 0; i < NODE_CHANGE_COUNT; i++)
		if (str_equals(kind, str_from(node_change_name((enum node_change)i))))
			b->versions[i] = version;
}

static void on_changes(void *owner, const struct pg_reply *reply)
{
	struct keeper_work *b = owner;
	bool has_rows = has_read(b, reply);
	for (int i = 0; has_rows && i < pg_rows_count(reply->rows); i++)
		take_version(b, pg_text(reply->rows, i, 0), pg_int(reply->rows, i, 1));
}

static void on_campaigns(void *owner, const struct pg_reply *reply)
{
	struct keeper_work *b = owner;
	if (!has_read(b, reply))
		return;
	size_t count = (size_t)pg_rows_count(reply->rows);
	free(b->campaigns);
	b->campaigns = xcalloc(count, sizeof(b->campaigns[0]));
	b->campaign_count = 0;
	arena_reset(&b->pools);
	b->zone_offsets.count = 0;
	if (count > 0)
		sending_hours_offsets(&b->zone_offsets, pg_items(reply->rows, 0, 8));
	for (int i = 0; i < (int)count; i++) {
		struct keeper_campaign *c = &b->campaigns[b->campaign_count++];
		*c = (struct keeper_campaign){
			.id = pg_int32(reply->rows, i, 0),
			.version = pg_int32(reply->rows, i, 1),
			.state = pg_int32(reply->rows, i, 2),
			.priority = pg_int32(reply->rows, i, 3),
			.pool = arena_str(&b->pools, pg_text(reply->rows, i, 4)),
			.is_hidden = pg_bool(reply->rows, i, 7)};
		sending_hours_own(&c->hours, pg_text(reply->rows, i, 5),
				  pg_items(reply->rows, i, 6));
	}
}

static void on_moved(void *owner, const struct pg_reply *reply)
{
	struct keeper_work *b = owner;
	(void)has_read(b, reply);
	b->moving--;
}

static void move(struct keeper_work *b, const char *name)
{
	b->keeper->work_calls++;
	b->moving++;
	pg_call(b->keeper->work, name, NULL, on_moved, b);
}

/* Behind slow work they do not pile up. No NOTIFY tells of a campaign that is done: asking more
 * often than once a second would only read the counters of all that run. */
static void move_campaigns(struct keeper_work *b)
{
	if (b->moving > 0)
		return;
	move(b, "campaign/start_due");
	if (b->read_ms - b->finish_ms < WORK_MS)
		return;
	b->finish_ms = b->read_ms;
	move(b, "campaign/finish_done");
}

/* What a pause or a suppression waits for is not read behind the slow work. */
static void read_now(struct keeper_work *b, const char *name, const struct pg_params *params,
		     pg_on_reply on_reply)
{
	b->keeper->work_calls++;
	pg_call(b->keeper->ledger, name, params, on_reply, b);
}

static void read_round(struct keeper *k, struct keeper_work *b)
{
	struct pg_params node, from, zone;
	b->is_reading = true;
	b->read_ms = loop_now_ms(k->loop);
	pg_params_init(&node);
	pg_add_int4(&node, k->id.node);
	pg_params_init(&from);
	pg_add_text(&from, str_from(b->suppressed_from));
	pg_params_init(&zone);
	pg_add_text(&zone, str_from(k->zone));
	snprintf(b->zone, sizeof(b->zone), "%s", k->zone);
	move_campaigns(b);
	keeper_judge(k);
	read_now(b, "node/suppressed", &from, on_suppressed_rows);
	read_now(b, "node/changes", NULL, on_changes);
	read_now(b, "node/campaigns", &zone, on_campaigns);
	read_now(b, "node/needs", &node, on_needs);
	pg_params_done(&node);
	pg_params_done(&from);
	pg_params_done(&zone);
	begin_next_build(b);
}

void keeper_on_work_timer(struct timer *timer)
{
	struct keeper *k = timer->owner;
	struct keeper_work *b = background_of(k);
	if (!b->is_reading && pg_is_up(k->work) && pg_is_up(k->ledger) && !k->is_fenced)
		read_round(k, b);
	timer_set(k->loop, timer, loop_now_ms(k->loop) + WORK_MS);
}

void keeper_settled_late(struct keeper *k)
{
	upkeep_reopen(background_of(k)->upkeep);
}

void keeper_read_soon(struct keeper *k)
{
	if (k->is_stopping)
		return;
	if (k->background == NULL)
		timer_set(k->loop, &k->work_timer, loop_now_ms(k->loop));
	else if (k->background->is_reading)
		k->background->is_stale = true;
	else
		read_soon(k, k->background);
}
