/* SPDX-License-Identifier: MIT */
/*
 * The steps of a build, in order: lock → freeze → snapshot → plan (holder), batches → complete
 * (hand). Each step's reply starts the next. See build.h.
 */
#include "scheduler/ledger/build.h"

#include <stdio.h>
#include <stdlib.h>

#include "engine/base/arena.h"
#include "engine/base/must.h"

struct batch {
	int32_t number;
	struct str group;
	int32_t domain_lo, domain_hi;
	int64_t rid_lo, rid_hi;
};

struct builder {
	struct pg *holder;
	struct pg *hand;
	bool is_building;
	/* of the build under way */
	int32_t campaign;
	struct build_events events;
	struct arena arena; /* the plan */
	struct batch *batches;
	size_t count, next;
};

static void call(struct builder *b, struct pg *pg, const char *statement, struct pg_params *params,
		 pg_on_reply on_reply);
static void next_batch(struct builder *b);

static void end(struct builder *b, const struct build_result *result)
{
	if (!b->is_building)
		return;
	b->is_building = false;
	b->events.on_end(b->events.owner, result);
}

static void fail(struct builder *b, const struct err *err)
{
	struct build_result result = {.end = BUILD_FAILED, .err = *err};
	err_prefix(&result.err, "building the audience of campaign %d", (int)b->campaign);
	end(b, &result);
}

/* Whether the step went well; ends the build otherwise. */
static bool went_well(struct builder *b, const struct pg_reply *reply)
{
	if (!b->is_building)
		return false;
	if (reply->fate != PG_DONE)
		fail(b, reply->err);
	return reply->fate == PG_DONE;
}

/* ---- batches ---- */

static void on_complete(void *owner, const struct pg_reply *reply)
{
	struct builder *b = owner;
	if (!went_well(b, reply))
		return;
	struct build_result result = {.end = BUILD_COMPLETE};
	if (pg_rows_count(reply->rows) > 0)
		result.total = pg_int(reply->rows, 0, 0);
	/* Nobody waits for these: should they be lost, so is the session, and with it both. */
	pg_command(b->holder, "COMMIT", NULL, NULL);
	pg_command(b->holder, "SELECT pg_advisory_unlock_all()", NULL, NULL);
	end(b, &result);
}

static void on_batch(void *owner, const struct pg_reply *reply)
{
	struct builder *b = owner;
	/* A builder whose connection died may have committed this very batch after all. */
	bool is_there = reply->fate == PG_REFUSED && pg_err_is(reply->err, "23505");
	if (!is_there && !went_well(b, reply))
		return;
	if (!is_there && b->events.on_batch != NULL)
		b->events.on_batch(b->events.owner, pg_int32(reply->rows, 0, 0),
				   pg_int32(reply->rows, 0, 1));
	if (b->is_building)
		next_batch(b);
}

static void on_heard(void *owner, const struct pg_reply *reply)
{
	struct builder *b = owner;
	if (!went_well(b, reply))
		return;
	struct pg_params params;
	pg_params_init(&params);
	pg_add_int4(&params, b->campaign);
	const struct batch *batch = &b->batches[b->next++];
	pg_add_int4(&params, batch->number);
	pg_add_text(&params, batch->group);
	pg_add_int4(&params, batch->domain_lo);
	pg_add_int4(&params, batch->domain_hi);
	pg_add_int8(&params, batch->rid_lo);
	pg_add_int8(&params, batch->rid_hi);
	call(b, b->hand, "ledger/build_batch", &params, on_batch);
}

static void next_batch(struct builder *b)
{
	struct pg_params params;
	if (b->next < b->count) {
		/* Servers end transactions that idle (idle_in_transaction_session_timeout), and the
		 * holder's lasts as long as the build: it is heard before each batch. */
		pg_command(b->holder, "SELECT 1", on_heard, b);
		return;
	}
	pg_set_prologue(b->hand, NULL); /* to see the batches */
	pg_params_init(&params);
	pg_add_int4(&params, b->campaign);
	call(b, b->hand, "ledger/build_complete", &params, on_complete);
}

static void on_plan(void *owner, const struct pg_reply *reply)
{
	struct builder *b = owner;
	if (!went_well(b, reply))
		return;
	b->count = (size_t)pg_rows_count(reply->rows);
	b->batches = arena_alloc(&b->arena, b->count * sizeof(b->batches[0]));
	for (size_t i = 0; i < b->count; i++) {
		int row = (int)i;
		b->batches[i] =
			(struct batch){.number = pg_int32(reply->rows, row, 0),
				       .group = arena_str(&b->arena, pg_text(reply->rows, row, 1)),
				       .domain_lo = pg_int32(reply->rows, row, 2),
				       .domain_hi = pg_int32(reply->rows, row, 3),
				       .rid_lo = pg_int(reply->rows, row, 4),
				       .rid_hi = pg_int(reply->rows, row, 5)};
	}
	next_batch(b);
}

/* ---- the holder ---- */

static void on_snapshot(void *owner, const struct pg_reply *reply)
{
	struct builder *b = owner;
	if (!went_well(b, reply))
		return;
	struct str id = pg_text(reply->rows, 0, 0);
	char prologue[128];
	snprintf(prologue, sizeof(prologue), "SET TRANSACTION SNAPSHOT '%.*s'", STR_ARG(id));
	pg_set_prologue(b->hand, prologue);
	struct pg_params params;
	pg_params_init(&params);
	pg_add_int4(&params, b->campaign);
	call(b, b->holder, "ledger/build_plan", &params, on_plan);
}

static void on_begun(void *owner, const struct pg_reply *reply)
{
	struct builder *b = owner;
	if (went_well(b, reply))
		call(b, b->holder, "ledger/export_snapshot", NULL, on_snapshot);
}

static void on_frozen(void *owner, const struct pg_reply *reply)
{
	struct builder *b = owner;
	if (went_well(b, reply))
		pg_command(b->holder, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", on_begun,
			   b);
}

static void on_locked(void *owner, const struct pg_reply *reply)
{
	struct builder *b = owner;
	if (!went_well(b, reply))
		return;
	if (!pg_bool(reply->rows, 0, 0)) {
		end(b, &(struct build_result){.end = BUILD_BUSY});
		return;
	}
	struct pg_params params;
	pg_params_init(&params);
	pg_add_int4(&params, b->campaign);
	pg_add_int4(&params, BUILD_BATCH_SIZE);
	pg_add_int4(&params, BUILD_BIG_DOMAIN);
	call(b, b->holder, "ledger/freeze", &params, on_frozen);
}

/* Either connection gone: the lock, the snapshot or a batch is. What is committed stays. */
static void on_down(void *owner, struct pg *pg, const struct err *err)
{
	(void)pg;
	fail(owner, err);
}

static void call(struct builder *b, struct pg *pg, const char *statement, struct pg_params *params,
		 pg_on_reply on_reply)
{
	pg_call(pg, statement, params, on_reply, b);
	if (params != NULL)
		pg_params_done(params);
}

struct builder *builder_open(struct loop *loop, const char *url)
{
	struct builder *b = xcalloc(1, sizeof(*b));
	struct pg_options options = {
		.url = url, .name = "edm build", .on_down = on_down, .owner = b};
	arena_init(&b->arena, 0);
	b->holder = pg_open(loop, &options);
	b->hand = pg_open(loop, &options);
	return b;
}

/* A snapshot may be adopted only at this isolation. Ranges differ from batch to batch, so a plan
 * made once for all would be wrong for most. Each time, since the connection may be a new one;
 * nobody waits: without it the first batch is refused. */
static void set_hand(struct builder *b)
{
	pg_command(b->hand,
		   "SELECT set_config('default_transaction_isolation', 'repeatable read', false), "
		   "set_config('plan_cache_mode', 'force_custom_plan', false), "
		   "set_config('enable_seqscan', 'on', false)",
		   NULL, NULL);
}

void builder_start(struct builder *b, int32_t campaign, const struct build_events *events)
{
	must(!b->is_building);
	b->is_building = true;
	b->campaign = campaign;
	b->events = *events;
	b->count = b->next = 0;
	arena_reset(&b->arena);
	set_hand(b);
	struct pg_params params;
	pg_params_init(&params);
	pg_add_int4(&params, campaign);
	call(b, b->holder, "ledger/build_lock", &params, on_locked);
}

bool builder_is_building(const struct builder *b)
{
	return b->is_building;
}

void builder_close(struct builder *b)
{
	if (b == NULL)
		return;
	b->is_building = false;
	/* The hand first: while its last batch is being executed the holder keeps the lock. */
	pg_close(b->hand);
	pg_close(b->holder);
	arena_done(&b->arena);
	free(b);
}

/* ---- what is to be built ---- */

struct due_request {
	build_on_due on_due;
	void *owner;
};

static void on_due_rows(void *owner, const struct pg_reply *reply)
{
	struct due_request *request = owner;
	size_t count = (size_t)pg_rows_count(reply->rows);
	int32_t *campaigns = xcalloc(count + 1, sizeof(*campaigns));
	for (size_t i = 0; i < count; i++)
		campaigns[i] = pg_int32(reply->rows, (int)i, 0);
	request->on_due(request->owner, reply->fate, campaigns, count);
	free(campaigns);
	free(request);
}

void build_list_due(struct pg *pg, build_on_due on_due, void *owner)
{
	struct due_request *request = xcalloc(1, sizeof(*request));
	*request = (struct due_request){on_due, owner};
	pg_call(pg, "ledger/to_build", NULL, on_due_rows, request);
}
