/* SPDX-License-Identifier: MIT */
/*
 * The brake: once a second the counters of the running campaigns are judged (plan/brake.h), and
 * whichever campaign does harm is paused. The counters are those of all nodes, so it does not
 * matter which node judges: who comes first stops it, and alerts. Control thread; work connection.
 */
#include <stdlib.h>

#include "engine/base/log.h"
#include "scheduler/node/keeper_private.h"

#define JUDGE_MS 1000
/* At the latest; a reading may only have waited behind slow work. */
#define JUDGE_MOST_MS 10000
/* Else the database works on it this part of the time at most. */
#define PAUSES_A_READING 50
/* What was long ago tells little of what comes. */
#define LOOK_BACK_MS 3600000
#define PROVIDERS_MAX 256
#define SUSPECTS_MAX 64
#define SENTENCE_MAX 512

/* Columns of campaign/brake_figures.sql. */
enum column {
	COL_CAMPAIGN,
	COL_VERSION,
	COL_PROVIDER,
	COL_PEOPLE,
	COL_DELIVERED,
	COL_COUNTS,
	COL_IS_COUNTED = COL_COUNTS + BRAKE_KIND_COUNT,
};

struct keeper_brake {
	struct keeper *keeper;
	struct buf sentence; /* of the campaign being stopped */
	bool is_stopping;
	bool is_reading;
	int64_t asked_ms; /* of the reading under way, or the last one */
	int64_t next_ms;
	int32_t suspects[SUSPECTS_MAX]; /* campaigns */
	size_t suspect_count;
};

static struct keeper_brake *brake_of(struct keeper *k)
{
	if (k->brake != NULL)
		return k->brake;
	k->brake = xcalloc(1, sizeof(*k->brake));
	k->brake->keeper = k;
	buf_init(&k->brake->sentence, SENTENCE_MAX);
	return k->brake;
}

void keeper_brake_close(struct keeper *k)
{
	if (k->brake == NULL)
		return;
	buf_done(&k->brake->sentence);
	free(k->brake);
	k->brake = NULL;
}

void keeper_set_brake(struct keeper *k, const struct brake_policy *policy)
{
	k->options.brake = *policy;
}

static void on_stopped(void *owner, const struct pg_reply *reply)
{
	struct keeper_brake *b = owner;
	struct keeper *k = b->keeper;
	k->work_calls--;
	b->is_stopping = false;
	if (reply->fate == PG_REFUSED)
		log_error_event(LOG_ERROR, "brake_failed", reply->err);
	if (reply->fate == PG_DONE && pg_rows_count(reply->rows) == 1)
		k->options.events->on_braked(k->options.owner, pg_text(reply->rows, 0, 0),
					     buf_str(&b->sentence));
}

/* What the sentence says, for those who say it in another language. */
static void append_detail(const struct brake_verdict *v, struct buf *out)
{
	buf_appendf(out, "{\"kind\":\"%s\",\"is_of_all\":%s,\"n\":%lld,\"of\":%lld,",
		    brake_kind_name(v->kind), v->is_of_all ? "true" : "false", (long long)v->n,
		    (long long)v->of);
	buf_appendf(out, "\"limit\":%.4f,\"provider\":", v->limit);
	buf_append_json(out, v->provider);
	buf_append_char(out, '}');
}

static void stop(struct keeper_brake *b, const struct pg_rows *rows, int row,
		 const struct brake_verdict *verdict)
{
	struct pg_params params;
	struct buf detail;
	if (b->is_stopping)
		return; /* the next one in a second */
	buf_init(&detail, SENTENCE_MAX);
	buf_clear(&b->sentence);
	brake_say(verdict, false, &b->sentence);
	append_detail(verdict, &detail);
	pg_params_init(&params);
	pg_add_int4(&params, pg_int32(rows, row, COL_CAMPAIGN));
	pg_add_int4(&params, pg_int32(rows, row, COL_VERSION));
	pg_add_text(&params, buf_str(&b->sentence));
	pg_add_text(&params, buf_str(&detail));
	b->is_stopping = true;
	b->keeper->work_calls++;
	pg_call(b->keeper->work, "campaign/brake", &params, on_stopped, b);
	pg_params_done(&params);
	buf_done(&detail);
}

static struct brake_figures figures_of(const struct pg_rows *rows, int row)
{
	struct brake_figures f = {.provider = pg_text(rows, row, COL_PROVIDER),
				  .people = pg_int(rows, row, COL_PEOPLE),
				  .delivered = pg_int(rows, row, COL_DELIVERED)};
	for (int kind = 0; kind < BRAKE_KIND_COUNT; kind++)
		f.counts[kind] = pg_int(rows, row, COL_COUNTS + kind);
	return f;
}

/* The rows of the campaign in row first; returns the row after them. Where people were not counted
 * a verdict is a suspicion. */
static int judge_one(struct keeper_brake *b, const struct pg_rows *rows, int first)
{
	struct brake_figures figures[PROVIDERS_MAX];
	struct brake_verdict verdict;
	size_t count = 0;
	int32_t campaign = pg_int32(rows, first, COL_CAMPAIGN);
	int row = first;
	for (; row < pg_rows_count(rows) && pg_int32(rows, row, COL_CAMPAIGN) == campaign; row++)
		if (count < PROVIDERS_MAX)
			figures[count++] = figures_of(rows, row);
	if (!brake_judge(&b->keeper->options.brake, figures, count, &verdict))
		return row;
	if (pg_bool(rows, first, COL_IS_COUNTED))
		stop(b, rows, first, &verdict);
	else if (b->suspect_count < SUSPECTS_MAX)
		b->suspects[b->suspect_count++] = campaign;
	return row;
}

static void on_figures(void *owner, const struct pg_reply *reply)
{
	struct keeper_brake *b = owner;
	int64_t now = loop_now_ms(b->keeper->loop);
	int64_t pause_ms = (now - b->asked_ms) * PAUSES_A_READING;
	if (pause_ms > JUDGE_MOST_MS)
		pause_ms = JUDGE_MOST_MS;
	b->keeper->work_calls--;
	b->is_reading = false;
	b->suspect_count = 0;
	b->next_ms = now + (pause_ms > JUDGE_MS ? pause_ms : JUDGE_MS);
	if (reply->fate == PG_REFUSED)
		log_error_event(LOG_ERROR, "work_refused", reply->err);
	if (reply->fate != PG_DONE || b->keeper->is_stopping)
		return;
	for (int row = 0; row < pg_rows_count(reply->rows);)
		row = judge_one(b, reply->rows, row);
	if (b->suspect_count > 0)
		b->next_ms = now;
}

static void add_suspects(const struct keeper_brake *b, struct pg_params *params)
{
	struct pg_array campaigns;
	pg_array_init(&campaigns, PG_INT4);
	for (size_t i = 0; i < b->suspect_count; i++)
		pg_array_int(&campaigns, b->suspects[i]);
	pg_add_array(params, &campaigns);
	pg_array_done(&campaigns);
}

void keeper_judge(struct keeper *k)
{
	struct keeper_brake *b = brake_of(k);
	int64_t now = loop_now_ms(k->loop);
	struct pg_params params;
	if (b->is_reading || b->is_stopping || now < b->next_ms)
		return;
	b->asked_ms = now;
	b->is_reading = true;
	k->work_calls++;
	pg_params_init(&params);
	pg_add_int8(&params, LOOK_BACK_MS);
	add_suspects(b, &params);
	pg_call(k->work, "campaign/brake_figures", &params, on_figures, b);
	pg_params_done(&params);
}
