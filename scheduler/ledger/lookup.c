/* SPDX-License-Identifier: MIT */
/* Looking one recipient up; see lookup.h. */
#include "scheduler/ledger/lookup.h"

#include <stdio.h>

/* Columns of ledger/where_is. */
enum {
	COL_DUE,
	COL_SINCE,
	COL_ATTEMPT,
	COL_CLASS,
	COL_CAUSE,
	COL_FLAGS,
	COL_SOURCE,
	COL_NODE,
	COL_UNKNOWN_AT,
	COL_CHUNK,
	COL_CHUNK_STATE,
	COL_SETTLED_AS,
	COL_GROUP,
	COL_CHUNK_NODE,
	COL_LEASED_AT,
	COL_IS_OPEN,
	COL_IN_DOUBT,
	COL_DOUBT_UNTIL,
	COL_OUTCOME_AT,
	COL_OUTCOME_STATE,
};

enum { CHUNK_READY = 0, CHUNK_LEASED = 1, CHUNK_SETTLED = 3 };

/* The one state of the five places somebody may be in, in the order that excludes the others. */
static enum recipient_state state_of(const struct pg_rows *rows)
{
	if (!pg_is_null(rows, 0, COL_DUE))
		return RECIPIENT_DEFERRED;
	if (!pg_is_null(rows, 0, COL_UNKNOWN_AT))
		return RECIPIENT_UNKNOWN;
	if (!pg_is_null(rows, 0, COL_CHUNK)) {
		if (pg_bool(rows, 0, COL_IN_DOUBT))
			return RECIPIENT_LEASED;
		int64_t state = pg_int(rows, 0, COL_CHUNK_STATE);
		if (state == CHUNK_READY)
			return RECIPIENT_WAITING;
		if (state == CHUNK_LEASED)
			return RECIPIENT_LEASED;
		if (state == CHUNK_SETTLED)
			return (enum recipient_state)pg_int(rows, 0, COL_SETTLED_AS);
	}
	return (enum recipient_state)pg_int(rows, 0, COL_OUTCOME_STATE);
}

int lookup_where(struct pg_blocking *conn, int32_t campaign, int64_t rid, struct whereabouts *out,
		 struct err *err)
{
	struct pg_params params;
	struct pg_rows *rows = NULL;
	pg_params_init(&params);
	pg_add_int4(&params, campaign);
	pg_add_int8(&params, rid);
	int rc = pg_run(conn, "ledger/where_is", &params, &rows, err);
	pg_params_done(&params);
	if (rc != 0)
		return -1;
	*out = (struct whereabouts){.state = state_of(rows),
				    .due_at_us = pg_time(rows, 0, COL_DUE),
				    .since_us = pg_time(rows, 0, COL_SINCE),
				    .attempts = (int16_t)pg_int(rows, 0, COL_ATTEMPT),
				    .klass = (unsigned)pg_int(rows, 0, COL_CLASS),
				    .cause = (unsigned)pg_int(rows, 0, COL_CAUSE),
				    .chunk = pg_int32(rows, 0, COL_CHUNK),
				    .node = pg_int32(rows, 0, COL_CHUNK_NODE),
				    .leased_at_us = pg_time(rows, 0, COL_LEASED_AT),
				    .is_open = pg_bool(rows, 0, COL_IS_OPEN),
				    .is_in_doubt = pg_bool(rows, 0, COL_IN_DOUBT),
				    .doubt_until_us = pg_time(rows, 0, COL_DOUBT_UNTIL),
				    .outcome_at_us = pg_time(rows, 0, COL_OUTCOME_AT)};
	struct str group = pg_text(rows, 0, COL_GROUP);
	snprintf(out->group, sizeof(out->group), "%.*s", STR_ARG(group));
	pg_rows_free(rows);
	return 0;
}

int lookup_outcomes(struct pg_blocking *conn, const struct lookup_question *question,
		    struct pg_rows **rows_out, struct err *err)
{
	struct pg_params params;
	pg_params_init(&params);
	pg_add_int8(&params, question->rid);
	pg_add_int4(&params, question->campaign);
	pg_add_int4(&params, question->limit);
	int rc = pg_run(conn, "ledger/outcomes_of", &params, rows_out, err);
	pg_params_done(&params);
	return rc;
}
