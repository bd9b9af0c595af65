/* SPDX-License-Identifier: MIT */
/* Lane state and usage in the database. */
#include "ip-pool/store/lane_store.h"

#include "ip-pool/store/store_private.h"

#define JSON_MAX 16384 /* replies may be all in escapes */

void lane_store_params(struct pg_params *p, const struct lane_record *lanes, const bool *has_warmup,
		       size_t count)
{
	struct pg_array sources, targets, learnt, warmups;
	struct buf json;
	pg_array_init(&sources, PG_INT4);
	pg_array_init(&targets, PG_TEXT);
	pg_array_init(&learnt, PG_TEXT);
	pg_array_init(&warmups, PG_TEXT);
	buf_init(&json, JSON_MAX);
	for (size_t i = 0; i < count; i++) {
		pg_array_int(&sources, lanes[i].source);
		pg_array_text(&targets, lanes[i].target);
		buf_clear(&json);
		lane_state_render(&lanes[i].state, &json);
		pg_array_text(&learnt, buf_str(&json));
		if (!has_warmup[i]) {
			pg_array_null(&warmups);
			continue;
		}
		buf_clear(&json);
		warmup_state_render(&lanes[i].warmup, &json);
		pg_array_text(&warmups, buf_str(&json));
	}
	pg_add_array(p, &sources);
	pg_add_array(p, &targets);
	pg_add_array(p, &learnt);
	pg_add_array(p, &warmups);
	buf_done(&json);
	pg_array_done(&sources);
	pg_array_done(&targets);
	pg_array_done(&learnt);
	pg_array_done(&warmups);
}

void party_store_params(struct pg_params *p, int32_t node_id, const struct party_record *parties,
			size_t count)
{
	struct pg_array targets, domains, campaigns, learnt;
	struct buf json;
	pg_array_init(&targets, PG_TEXT);
	pg_array_init(&domains, PG_TEXT);
	pg_array_init(&campaigns, PG_INT4);
	pg_array_init(&learnt, PG_TEXT);
	buf_init(&json, JSON_MAX);
	for (size_t i = 0; i < count; i++) {
		pg_array_text(&targets, parties[i].target);
		pg_array_text(&domains, parties[i].domain);
		pg_array_int(&campaigns, parties[i].campaign);
		buf_clear(&json);
		party_state_render(&parties[i].state, &json);
		pg_array_text(&learnt, buf_str(&json));
	}
	pg_add_int4(p, node_id);
	pg_add_array(p, &targets);
	pg_add_array(p, &domains);
	pg_add_array(p, &campaigns);
	pg_add_array(p, &learnt);
	buf_done(&json);
	pg_array_done(&targets);
	pg_array_done(&domains);
	pg_array_done(&campaigns);
	pg_array_done(&learnt);
}

int lane_store_forget(struct pg_blocking *conn, struct str source, struct str target,
		      const struct change *change, struct err *err)
{
	struct pg_params p;
	pg_params_init(&p);
	add_text_or_null(&p, source);
	add_text_or_null(&p, target);
	add_change(&p, change);
	return store_run(conn, "ip-pool/forget_lanes", &p, err);
}

static void read_usage(const struct pg_rows *rows, int64_t now, struct usage_list *out)
{
	size_t count = (size_t)pg_rows_count(rows);
	struct past_usage *items = arena_alloc(&out->arena, count * sizeof(*items) + 1);
	for (int i = 0; i < pg_rows_count(rows); i++)
		items[i] =
			(struct past_usage){.at_ms = now - pg_int(rows, i, 0),
					    .source = (uint32_t)pg_int32(rows, i, 1),
					    .target = arena_str(&out->arena, pg_text(rows, i, 2)),
					    .domain = arena_str(&out->arena, pg_text(rows, i, 3)),
					    .campaign = pg_int(rows, i, 4),
					    .messages = pg_int(rows, i, 5),
					    .connections = pg_int(rows, i, 6)};
	out->items = items;
	out->count = count;
}

int usage_load(struct pg_blocking *conn, int32_t node_id, int64_t now, struct usage_list *out,
	       struct err *err)
{
	struct pg_params p;
	struct pg_rows *rows = NULL;
	pg_params_init(&p);
	if (node_id == 0)
		pg_add_null(&p, PG_INT4);
	else
		pg_add_int4(&p, node_id);
	int status = pg_run(conn, "ip-pool/load_usage", &p, &rows, err);
	pg_params_done(&p);
	if (status != 0)
		return -1;
	arena_init(&out->arena, 0);
	read_usage(rows, now, out);
	pg_rows_free(rows);
	return 0;
}

void usage_done(struct usage_list *list)
{
	if (list != NULL)
		arena_done(&list->arena);
}
