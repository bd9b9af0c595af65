/* SPDX-License-Identifier: MIT */
/* Campaigns in the database: what is shown of them; see store.h. */
#include <stdlib.h>
#include <string.h>

#include "scheduler/campaign/store.h"

/* Columns of campaign/show.sql. */
enum column {
	COL_ID,
	COL_NAME,
	COL_STATE,
	COL_REASON,
	COL_REASON_TEXT,
	COL_STATE_SINCE,
	COL_STATE_BY,
	COL_VERSION,
	COL_CONTENT_VERSION,
	COL_PRIORITY,
	COL_FROM,
	COL_FROM_NAME,
	COL_SUBJECT,
	COL_POOL,
	COL_UNSIGNED,
	COL_UNKNOWN,
	COL_GIVE_UP_S,
	COL_DEADLINE,
	COL_SCHEDULED,
	COL_ZONE,
	COL_GRACE_S,
	COL_AUDIENCE_OF,
	COL_CREATED_BY,
	COL_CREATED,
	COL_STARTED,
	COL_FINISHED,
	COL_COMPLETE,
	COL_TOTAL,
	COL_EXPECTED,
	COL_COUNTS,
	COL_LISTS,
	COL_EXCLUDED,
	COL_RATE,
	COL_NOW,
	COL_HOURS,
	COL_HOURS_ZONE,
	COL_OFFSETS,
	COL_COMMON_HOURS,
	COL_COMMON_OFFSETS,
	COL_REPLY_TO,
	COL_PREHEADER,
	COL_ATTACHMENTS,
	COL_AUDIENCE_STATES,
	COL_SCHEDULED_WALL,
};

static void read_texts(struct campaign_row *c, const struct pg_rows *rows, int row)
{
	c->name = pg_text(rows, row, COL_NAME);
	c->reason_text = pg_text(rows, row, COL_REASON_TEXT);
	c->state_by = pg_text(rows, row, COL_STATE_BY);
	c->from_address = pg_text(rows, row, COL_FROM);
	c->from_name = pg_text(rows, row, COL_FROM_NAME);
	c->subject = pg_text(rows, row, COL_SUBJECT);
	c->pool = pg_text(rows, row, COL_POOL);
	c->zone = pg_text(rows, row, COL_ZONE);
	c->audience_of = pg_text(rows, row, COL_AUDIENCE_OF);
	c->created_by = pg_text(rows, row, COL_CREATED_BY);
	c->lists = pg_items(rows, row, COL_LISTS);
	c->excluded = pg_items(rows, row, COL_EXCLUDED);
	c->reply_to = pg_text(rows, row, COL_REPLY_TO);
	c->preheader = pg_text(rows, row, COL_PREHEADER);
	c->attachments = pg_items(rows, row, COL_ATTACHMENTS);
	c->audience_states = pg_items(rows, row, COL_AUDIENCE_STATES);
	c->scheduled_wall = pg_text(rows, row, COL_SCHEDULED_WALL);
}

static void read_times(struct campaign_row *c, const struct pg_rows *rows, int row)
{
	c->state_since_us = pg_time(rows, row, COL_STATE_SINCE);
	c->deadline_us = pg_time(rows, row, COL_DEADLINE);
	c->scheduled_us = pg_time(rows, row, COL_SCHEDULED);
	c->created_us = pg_time(rows, row, COL_CREATED);
	c->started_us = pg_time(rows, row, COL_STARTED);
	c->finished_us = pg_time(rows, row, COL_FINISHED);
	c->now_us = pg_time(rows, row, COL_NOW);
	c->give_up_after_s = pg_int(rows, row, COL_GIVE_UP_S);
	c->grace_s = pg_int(rows, row, COL_GRACE_S);
}

static void read_counts(struct campaign_row *c, const struct pg_rows *rows, int row)
{
	struct pg_items counts = pg_items(rows, row, COL_COUNTS);
	int64_t sum = 0;
	for (int state = 1; state < RECIPIENT_STATE_END; state++) {
		must(pg_next_int(&counts, &c->counts[state]));
		sum += c->counts[state];
	}
	c->is_complete = pg_bool(rows, row, COL_COMPLETE);
	c->audience = c->is_complete ? pg_int(rows, row, COL_TOTAL) : sum;
	c->expected = pg_int(rows, row, COL_EXPECTED);
}

static void read_rate(struct campaign_row *c, const struct pg_rows *rows, int row)
{
	if (c->state != CAMPAIGN_RUNNING)
		return;
	c->rate = (double)pg_int(rows, row, COL_RATE) / 100;
}

static void read_hours(struct campaign_row *c, const struct pg_rows *rows, int row)
{
	struct sending_hours hours;
	c->hours = pg_text(rows, row, COL_HOURS);
	c->hours_zone = pg_text(rows, row, COL_HOURS_ZONE);
	c->common_hours = pg_text(rows, row, COL_COMMON_HOURS);
	sending_hours_own(&hours, c->hours, pg_items(rows, row, COL_OFFSETS));
	sending_hours_common(&hours, c->common_hours, pg_items(rows, row, COL_COMMON_OFFSETS));
	struct calendar_state state = sending_hours_look(&hours, c->now_us);
	c->opens_us = state.is_open ? 0 : state.changes_us;
}

static void read_row(struct campaign_row *c, const struct pg_rows *rows, int row)
{
	c->id = pg_int32(rows, row, COL_ID);
	c->version = pg_int32(rows, row, COL_VERSION);
	c->content_version = pg_int32(rows, row, COL_CONTENT_VERSION);
	c->state = (enum campaign_state)pg_int(rows, row, COL_STATE);
	c->reason = (enum pause_reason)pg_int(rows, row, COL_REASON);
	c->unknown = (enum unknown_policy)pg_int(rows, row, COL_UNKNOWN);
	c->is_unsigned = pg_bool(rows, row, COL_UNSIGNED);
	c->priority = pg_int32(rows, row, COL_PRIORITY);
	read_texts(c, rows, row);
	read_times(c, rows, row);
	read_counts(c, rows, row);
	read_rate(c, rows, row);
	read_hours(c, rows, row);
}

int campaign_view_load(struct pg_blocking *db, const char *name, struct campaign_view *view,
		       struct err *err)
{
	struct pg_params params;
	*view = (struct campaign_view){0};
	pg_params_init(&params);
	if (name != NULL)
		pg_add_text(&params, str_from(name));
	else
		pg_add_null(&params, PG_TEXT);
	int result = pg_run(db, "campaign/show", &params, &view->rows, err);
	pg_params_done(&params);
	if (result != 0)
		return -1;
	view->count = (size_t)pg_rows_count(view->rows);
	if (name != NULL && view->count == 0)
		return err_set(err, ERR_NOT_FOUND,
			       "there is no campaign '%s'; edm campaign show lists them", name);
	view->items = xcalloc(view->count, sizeof(view->items[0]));
	for (size_t i = 0; i < view->count; i++)
		read_row(&view->items[i], view->rows, (int)i);
	return 0;
}

void campaign_view_done(struct campaign_view *view)
{
	free(view->items);
	pg_rows_free(view->rows);
	*view = (struct campaign_view){0};
}
