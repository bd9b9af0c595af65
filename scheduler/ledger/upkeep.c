/* SPDX-License-Identifier: MIT */
/* A table of duties and one timer; see upkeep.h. */
#include "scheduler/ledger/upkeep.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/log.h"

#define PACK_MAX 50000
#define SETTLE_CHUNKS_MAX 2000
#define SETTLE_RETRIES_MAX 20000
#define DOUBTS_MAX 50
#define FOLD_MAX 5000
#define DROP_CHUNKS_MAX 200
#define DOUBT_DAYS 30

#define SECOND 1000
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)

/* Also at once when something was settled late; the pace is for who died between the two. */
#define REOPEN "campaign/reopen_late"

/* Rows of a run; when it did this much, there is probably more. */
#define NO_LIMIT INT64_MAX

struct duty {
	const char *statement;
	int64_t period_ms;
	int64_t limit; /* first column of the reply: at least this = run again at once */
	void (*fill)(const struct upkeep *u, struct pg_params *params); /* NULL: none */
	void (*on_rows)(struct upkeep *u, const struct pg_rows *rows);	/* NULL: not read */
};

static void fill_reap_nodes(const struct upkeep *u, struct pg_params *params);
static void on_reaped_nodes(struct upkeep *u, const struct pg_rows *rows);
static void fill_reap_chunks(const struct upkeep *u, struct pg_params *params);
static void on_reaped_chunks(struct upkeep *u, const struct pg_rows *rows);
static void fill_expire_doubts(const struct upkeep *u, struct pg_params *params);
static void fill_settle_ended(const struct upkeep *u, struct pg_params *params);
static void fill_pack(const struct upkeep *u, struct pg_params *params);
static void fill_fold(const struct upkeep *u, struct pg_params *params);
static void fill_outcome_days(const struct upkeep *u, struct pg_params *params);
static void fill_chunk_days(const struct upkeep *u, struct pg_params *params);
static void fill_doubt_days(const struct upkeep *u, struct pg_params *params);

/* In this order at the start: outcomes need their partition before anything is settled. That is
 * looked at often, because without one nothing is: a machine that slept, or whose clock was set, is
 * in another day all at once. */
static const struct duty duties[] = {
	{"ledger/add_partitions", 2 * SECOND, NO_LIMIT, NULL, NULL},
	{"ledger/reap_nodes", SECOND, NO_LIMIT, fill_reap_nodes, on_reaped_nodes},
	{"ledger/reap_chunks", SECOND, NO_LIMIT, fill_reap_chunks, on_reaped_chunks},
	{"ledger/free_meant", 5 * SECOND, NO_LIMIT, NULL, NULL},
	{"ledger/expire_doubts", 2 * SECOND, NO_LIMIT, fill_expire_doubts, NULL},
	{"ledger/settle_ended", SECOND, SETTLE_CHUNKS_MAX, fill_settle_ended, NULL},
	{REOPEN, 10 * MINUTE, NO_LIMIT, NULL, NULL},
	{"ledger/pack", SECOND, NO_LIMIT, fill_pack, NULL},
	{"ledger/roll_up", SECOND, NO_LIMIT, NULL, NULL},
	{"lists/fold_suppressions", 2 * SECOND, FOLD_MAX, fill_fold, NULL},
	{"ledger/fold_usage", 2 * MINUTE, NO_LIMIT, NULL, NULL},
	{"ledger/close_partitions", 10 * MINUTE, 1, NULL, NULL},
	{"ledger/drop_partitions", HOUR, 1, fill_outcome_days, NULL},
	{"ledger/drop_chunks", 10 * MINUTE, DROP_CHUNKS_MAX, fill_chunk_days, NULL},
	{"ledger/drop_doubts", HOUR, NO_LIMIT, fill_doubt_days, NULL},
};

struct upkeep {
	struct loop *loop;
	struct pg *work;
	struct upkeep_options options;
	struct timer timer;
	int64_t due_ms[ARRAY_LEN(duties)];
	uint64_t runs[ARRAY_LEN(duties)];
	size_t running; /* the duty that is due next, or whose reply is awaited: */
	bool is_awaiting;
};

static void schedule(struct upkeep *u);

/* ---- what each duty is given, and what is made of its reply ---- */

static void fill_reap_nodes(const struct upkeep *u, struct pg_params *params)
{
	pg_add_int4(params, u->options.id.node);
	pg_add_int4(params, u->options.id.incarnation);
	pg_add_int8(params, u->options.lease_ms);
}

static void on_reaped_nodes(struct upkeep *u, const struct pg_rows *rows)
{
	for (int row = 0; row < pg_rows_count(rows); row++) {
		struct log_line line;
		if (log_begin(&line, LOG_WARN, "node_reaped")) {
			log_str(&line, "node", pg_text(rows, row, 1));
			log_end(&line);
		}
		if (u->options.on_reaped != NULL)
			u->options.on_reaped(u->options.owner, pg_int32(rows, row, 0),
					     pg_text(rows, row, 1));
	}
}

static void fill_reap_chunks(const struct upkeep *u, struct pg_params *params)
{
	(void)u;
	pg_add_int8(params, LEDGER_DOUBT_MS);
}

static void on_reaped_chunks(struct upkeep *u, const struct pg_rows *rows)
{
	int64_t in_doubt = 0;
	(void)u;
	for (int row = 0; row < pg_rows_count(rows); row++)
		in_doubt += pg_int(rows, row, 3);
	struct log_line line;
	if (pg_rows_count(rows) > 0 && log_begin(&line, LOG_WARN, "chunks_reaped")) {
		log_int(&line, "chunks", pg_rows_count(rows));
		log_int(&line, "in_doubt", in_doubt);
		log_end(&line);
	}
}

static void fill_expire_doubts(const struct upkeep *u, struct pg_params *params)
{
	pg_add_int8(params, u->options.unknown_retry_ms);
	pg_add_int4(params, DOUBTS_MAX);
}

static void fill_settle_ended(const struct upkeep *u, struct pg_params *params)
{
	(void)u;
	pg_add_int4(params, SETTLE_CHUNKS_MAX);
	pg_add_int4(params, SETTLE_RETRIES_MAX);
}

static void fill_pack(const struct upkeep *u, struct pg_params *params)
{
	pg_add_int4(params, PACK_MAX);
	pg_add_int8(params, u->options.overdue_ms);
}

static void fill_fold(const struct upkeep *u, struct pg_params *params)
{
	(void)u;
	pg_add_int4(params, FOLD_MAX);
}

static void fill_outcome_days(const struct upkeep *u, struct pg_params *params)
{
	/* For ever is longer than any partition is old. */
	pg_add_int4(params, u->options.outcome_days > 0 ? u->options.outcome_days : 36500);
}

static void fill_chunk_days(const struct upkeep *u, struct pg_params *params)
{
	pg_add_int4(params, u->options.chunk_days);
	pg_add_int4(params, DROP_CHUNKS_MAX);
}

static void fill_doubt_days(const struct upkeep *u, struct pg_params *params)
{
	(void)u;
	pg_add_int4(params, DOUBT_DAYS);
}

/* ---- running them ---- */

static void on_duty_reply(void *owner, const struct pg_reply *reply)
{
	struct upkeep *u = owner;
	const struct duty *duty = &duties[u->running];
	int64_t now = loop_now_ms(u->loop);
	u->is_awaiting = false;
	u->due_ms[u->running] = now + duty->period_ms;
	if (reply->fate == PG_DONE) {
		u->runs[u->running]++;
		if (duty->on_rows != NULL)
			duty->on_rows(u, reply->rows);
		else if (duty->limit != NO_LIMIT && pg_rows_count(reply->rows) > 0 &&
			 pg_int(reply->rows, 0, 0) >= duty->limit)
			u->due_ms[u->running] = now;
	} else {
		/* A lock it could not have at once, or the database is away: at its next time. */
		log_error_event(LOG_WARN, "upkeep_failed", reply->err);
		if (u->due_ms[u->running] > now + MINUTE)
			u->due_ms[u->running] = now + MINUTE;
	}
	schedule(u);
}

static void run_next(struct timer *t)
{
	struct upkeep *u = t->owner;
	const struct duty *duty = &duties[u->running];
	struct pg_params params;
	u->is_awaiting = true;
	pg_params_init(&params);
	if (duty->fill != NULL)
		duty->fill(u, &params);
	pg_call(u->work, duty->statement, &params, on_duty_reply, u);
	pg_params_done(&params);
}

/* Arms the timer for the duty that is due first. */
static void schedule(struct upkeep *u)
{
	u->running = 0;
	for (size_t i = 1; i < ARRAY_LEN(duties); i++)
		if (u->due_ms[i] < u->due_ms[u->running])
			u->running = i;
	timer_set(u->loop, &u->timer, u->due_ms[u->running]);
}

struct upkeep *upkeep_open(struct loop *loop, struct pg *work, const struct upkeep_options *options)
{
	struct upkeep *u = xcalloc(1, sizeof(*u));
	u->loop = loop;
	u->work = work;
	u->options = *options;
	u->timer = (struct timer){.on_due = run_next, .owner = u};
	for (size_t i = 0; i < ARRAY_LEN(duties); i++)
		u->due_ms[i] = loop_now_ms(loop);
	schedule(u);
	return u;
}

void upkeep_set(struct upkeep *u, const struct upkeep_options *options)
{
	u->options = *options;
}

void upkeep_close(struct upkeep *u)
{
	if (u == NULL)
		return;
	timer_clear(u->loop, &u->timer);
	free(u);
}

void upkeep_reopen(struct upkeep *u)
{
	for (size_t i = 0; i < ARRAY_LEN(duties); i++)
		if (strcmp(duties[i].statement, REOPEN) == 0)
			u->due_ms[i] = loop_now_ms(u->loop);
	if (!u->is_awaiting)
		schedule(u);
}

const char *upkeep_duty(const struct upkeep *u, size_t i, uint64_t *runs_out)
{
	if (i >= ARRAY_LEN(duties))
		return NULL;
	*runs_out = u->runs[i];
	return duties[i].statement;
}
