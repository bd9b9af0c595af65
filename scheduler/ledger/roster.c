/* SPDX-License-Identifier: MIT */
/* Operators' view of table node; see roster.h. */
#include "scheduler/ledger/roster.h"

const char *node_state_name(enum node_state state)
{
	switch (state) {
#define X(suffix, number, name)                                                                    \
	case NODE_STATE_##suffix:                                                                  \
		return name;
		NODE_STATES(X)
#undef X
	}
	return "?";
}

static void read_node(struct arena *arena, const struct pg_rows *rows, int row,
		      struct roster_node *n)
{
	*n = (struct roster_node){.id = pg_int32(rows, row, 0),
				  .name = arena_str(arena, pg_text(rows, row, 1)),
				  .host = arena_str(arena, pg_text(rows, row, 2)),
				  .version = arena_str(arena, pg_text(rows, row, 3)),
				  .state = (enum node_state)pg_int32(rows, row, 4),
				  .pid = pg_int(rows, row, 5),
				  .is_alive = pg_bool(rows, row, 6),
				  .alive_for_ms = pg_int(rows, row, 7),
				  .last_beat_ago_ms = pg_int(rows, row, 8),
				  .sessions = pg_int(rows, row, 9),
				  .leases = pg_int(rows, row, 10),
				  .sources = pg_int(rows, row, 11),
				  .has_left = pg_bool(rows, row, 12)};
}

int roster_load(struct pg_blocking *db, struct roster *out, struct err *err)
{
	struct pg_rows *rows = NULL;
	if (pg_run(db, "ledger/roster", NULL, &rows, err) != 0)
		return -1;
	*out = (struct roster){.count = (size_t)pg_rows_count(rows)};
	arena_init(&out->arena, 0);
	out->nodes = arena_alloc(&out->arena, out->count * sizeof(out->nodes[0]) + 1);
	for (size_t i = 0; i < out->count; i++)
		read_node(&out->arena, rows, (int)i, &out->nodes[i]);
	pg_rows_free(rows);
	return 0;
}

void roster_done(struct roster *r)
{
	arena_done(&r->arena);
	*r = (struct roster){0};
}

const struct roster_node *roster_find(const struct roster *r, struct str name)
{
	for (size_t i = 0; i < r->count; i++)
		if (str_equals(r->nodes[i].name, name))
			return &r->nodes[i];
	return NULL;
}

/* What the statement found instead of moving it. */
static int refuse(struct str name, enum node_state state, const struct pg_rows *rows,
		  struct err *err)
{
	if (pg_is_null(rows, 0, 0))
		return err_set(err, ERR_NOT_FOUND,
			       "there is no node '%.*s'; edm node list lists them", STR_ARG(name));
	if (pg_int(rows, 0, 0) == (int64_t)state)
		return err_set(err, ERR_REFUSED, "node %.*s is %s already", STR_ARG(name),
			       node_state_name(state));
	if (pg_bool(rows, 0, 1))
		return err_set(err, ERR_REFUSED,
			       "node %.*s is running: stop it first, then remove it",
			       STR_ARG(name));
	return err_set(err, ERR_REFUSED,
		       "node %.*s still holds %lld %s; another node takes over within a "
		       "minute, or start it again",
		       STR_ARG(name), (long long)pg_int(rows, 0, 2),
		       plural(pg_int(rows, 0, 2), "chunk", "chunks"));
}

int roster_move(struct pg_blocking *db, struct str name, enum node_state state,
		const struct change *change, struct err *err)
{
	struct pg_params p;
	struct pg_rows *rows = NULL;
	pg_params_init(&p);
	pg_add_text(&p, name);
	pg_add_int2(&p, (int16_t)state);
	pg_add_text(&p, state == NODE_STATE_ACTIVE     ? STR("node activate")
			: state == NODE_STATE_DRAINING ? STR("node drain")
						       : STR("node remove"));
	pg_add_text(&p, change->actor);
	pg_add_text(&p, change->because);
	int result = pg_run(db, "ledger/move_node", &p, &rows, err);
	pg_params_done(&p);
	if (result != 0)
		return -1;
	if (pg_int(rows, 0, 3) == 0)
		result = refuse(name, state, rows, err);
	pg_rows_free(rows);
	return result;
}
