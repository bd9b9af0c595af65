/* SPDX-License-Identifier: MIT */
/* Reading node_live; see lane_live.h. */
#include "scheduler/setup/lane_live.h"

static json_t *live_of_row(const struct pg_rows *rows)
{
	struct str name = pg_text(rows, 0, 0);
	struct str lane = pg_text(rows, 0, 2);
	json_t *parsed = json_loadb(lane.ptr, lane.len, 0, NULL);
	return json_pack("{s:s%, s:I, s:o*}", "node", name.ptr, name.len, "age_ms",
			 (json_int_t)pg_int(rows, 0, 1), "lane", parsed);
}

int lane_live_read(struct pg_blocking *db, struct str source, struct str target, json_t **out,
		   struct err *err)
{
	struct pg_params p;
	struct pg_rows *rows = NULL;
	pg_params_init(&p);
	pg_add_text(&p, source);
	pg_add_text(&p, target);
	int result = pg_run(db, "setup/lane_live", &p, &rows, err);
	pg_params_done(&p);
	if (result != 0)
		return -1;
	*out = pg_rows_count(rows) > 0 ? live_of_row(rows) : NULL;
	pg_rows_free(rows);
	return 0;
}
