/* SPDX-License-Identifier: MIT */
/* Counters; see stats.h. */
#include "scheduler/ledger/stats.h"

void state_counts_load(struct state_counts *out, const struct pg_rows *rows)
{
	*out = (struct state_counts){.total = 0};
	for (int row = 0; row < pg_rows_count(rows); row++) {
		int64_t state = pg_int(rows, row, 0);
		must(state > 0 && state < RECIPIENT_STATE_END);
		out->by_state[state] = pg_int(rows, row, 1);
		out->total += out->by_state[state];
	}
}

static int run_for_campaign(struct pg_blocking *conn, const char *statement, int32_t campaign,
			    struct pg_rows **rows_out, struct err *err)
{
	struct pg_params params;
	pg_params_init(&params);
	pg_add_int4(&params, campaign);
	int rc = pg_run(conn, statement, &params, rows_out, err);
	pg_params_done(&params);
	return rc;
}

int stats_states(struct pg_blocking *conn, int32_t campaign, struct state_counts *out,
		 struct err *err)
{
	struct pg_rows *rows = NULL;
	if (run_for_campaign(conn, "ledger/states", campaign, &rows, err) != 0)
		return -1;
	state_counts_load(out, rows);
	pg_rows_free(rows);
	return 0;
}
