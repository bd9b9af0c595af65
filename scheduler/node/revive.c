/* SPDX-License-Identifier: MIT */
/*
 * A private database that is away is started again, as every command does: by a thread of the pool,
 * because that takes seconds. What goes wrong is said once an outage. Control thread, but for
 * revive.
 */
#include "scheduler/node/node_private.h"

static void revive(uv_work_t *work)
{
	struct node *n = work->data;
	struct err *err = &n->revival.err;
	*err = (struct err){0};
	if (n->options.revive_database(n->options.context, err) != 0)
		must(err->kind != ERR_NONE);
}

static void on_revived(uv_work_t *work, int status)
{
	struct node *n = work->data;
	must(status == 0);
	n->revival.is_under_way = false;
	if (n->revival.err.kind == ERR_NONE || n->revival.is_told)
		return;
	n->revival.is_told = true;
	log_error_event(LOG_ERROR, "database_not_started", &n->revival.err);
}

void revive_tick(struct node *n)
{
	struct revival *r = &n->revival;
	if (n->options.revive_database == NULL || r->is_under_way)
		return;
	if (!keeper_is_away(n->keeper)) {
		r->is_told = false;
		return;
	}
	r->is_under_way = true;
	r->work.data = n;
	must(uv_queue_work(loop_uv(n->loop), &r->work, revive, on_revived) == 0);
}

void revive_free(struct node *n)
{
	while (n->revival.is_under_way)
		loop_turn(n->loop, true);
}
