/* SPDX-License-Identifier: MIT */
/* Reading node_live and limit_share; see lane_live.h. */
#include "scheduler/setup/lane_live.h"

#include "ip-pool/limit.h"

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

static json_t *share_of_row(const struct pg_rows *rows, int row)
{
	struct str scope = pg_text(rows, row, 0);
	struct str node = pg_text(rows, row, 3);
	int meter = pg_int32(rows, row, 1);
	enum limit_kind kind = limit_meter_kind(meter);
	bool has_period = kind != LIMIT_CONNECTIONS;
	return json_pack("{s:s%, s:s, s:s?, s:I, s:s%, s:I, s:s, s:I}", "scope", scope.ptr,
			 scope.len, "kind", limit_kind_name(kind), "per",
			 has_period ? limit_period_name(limit_meter_period(meter)) : NULL, "limit",
			 (json_int_t)pg_int(rows, row, 2), "node", node.ptr, node.len, "share",
			 (json_int_t)pg_int(rows, row, 4), "origin",
			 limit_origin_name(ORIGIN_SLICE), "left_ms",
			 (json_int_t)pg_int(rows, row, 5));
}

int lane_shares_read(struct pg_blocking *db, struct str target, json_t **out, struct err *err)
{
	struct pg_params p;
	struct pg_rows *rows = NULL;
	pg_params_init(&p);
	pg_add_text(&p, target);
	int result = pg_run(db, "setup/lane_shares", &p, &rows, err);
	pg_params_done(&p);
	if (result != 0)
		return -1;
	*out = json_array();
	for (int i = 0; i < pg_rows_count(rows); i++)
		json_array_append_new(*out, share_of_row(rows, i));
	pg_rows_free(rows);
	return 0;
}
