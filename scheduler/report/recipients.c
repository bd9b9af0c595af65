/* SPDX-License-Identifier: MIT */
/* Everybody of a campaign, streamed; see recipients.h. */
#include "scheduler/report/recipients.h"

#include "engine/reply/normalise.h"
#include "scheduler/report/format.h"

#define REPLY_MAX (64u << 10)

/* Columns of report/recipients. */
enum {
	COL_STATE,
	COL_ADDRESS,
	COL_SINCE,
	COL_UNTIL,
	COL_ATTEMPTS,
	COL_CLASS,
	COL_CAUSE,
	COL_CODE,
	COL_ENHANCED,
	COL_TEMPLATE,
	COL_VARS,
	COL_RULE,
	COL_MX,
};

struct stream {
	struct pg_blocking *db;
	const struct recipients_request *request;
	struct buf text, reply;
};

static void restore_reply(struct stream *s, const struct pg_rows *rows, int row)
{
	buf_clear(&s->text);
	buf_clear(&s->reply);
	template_restore(pg_text(rows, row, COL_TEMPLATE), pg_text(rows, row, COL_VARS), &s->text);
	format_reply(pg_int32(rows, row, COL_CODE), pg_int32(rows, row, COL_ENHANCED),
		     buf_str(&s->text), &s->reply);
}

static int hand_over(struct stream *s, const struct pg_rows *rows, int row, struct err *err)
{
	restore_reply(s, rows, row);
	struct recipient_row r = {
		.state = (enum recipient_state)pg_int(rows, row, COL_STATE),
		.address = pg_text(rows, row, COL_ADDRESS),
		.since_us = pg_time(rows, row, COL_SINCE),
		.until_us = pg_time(rows, row, COL_UNTIL),
		.attempts = pg_int32(rows, row, COL_ATTEMPTS),
		.klass = (unsigned)pg_int(rows, row, COL_CLASS),
		.cause = (unsigned)pg_int(rows, row, COL_CAUSE),
		.reply = buf_str(&s->reply),
		.rule = pg_text(rows, row, COL_RULE),
		.mx = pg_text(rows, row, COL_MX),
	};
	return s->request->on_row(s->request->owner, &r, err);
}

static int open_cursor(struct stream *s, struct err *err)
{
	struct pg_params params;
	struct pg_array states;
	pg_params_init(&params);
	pg_array_init(&states, PG_INT2);
	for (int state = 1; state < RECIPIENT_STATE_END; state++)
		if (s->request->states & 1u << state)
			pg_array_int(&states, state);
	pg_add_int4(&params, s->request->campaign);
	pg_add_array(&params, &states);
	int rc = pg_run(s->db, "report/recipients", &params, NULL, err);
	pg_array_done(&states);
	pg_params_done(&params);
	return rc;
}

/* *count_out: rows of the page, 0 at the end. */
static int next_page(struct stream *s, int *count_out, struct err *err)
{
	struct pg_rows *rows = NULL;
	int rc = pg_run(s->db, "report/recipients_next", NULL, &rows, err);
	*count_out = pg_rows_count(rows);
	for (int row = 0; rc == 0 && row < *count_out; row++)
		rc = hand_over(s, rows, row, err);
	pg_rows_free(rows);
	return rc;
}

static int walk(void *owner, struct err *err)
{
	struct stream *s = owner;
	int count = 1;
	int rc = open_cursor(s, err);
	while (rc == 0 && count > 0)
		rc = next_page(s, &count, err);
	return rc;
}

int recipients_stream(struct pg_blocking *db, const struct recipients_request *request,
		      struct err *err)
{
	struct stream s = {.db = db, .request = request};
	buf_init(&s.text, REPLY_MAX);
	buf_init(&s.reply, REPLY_MAX);
	int rc = pg_transaction(db, walk, &s, err);
	buf_done(&s.reply);
	buf_done(&s.text);
	return rc;
}
