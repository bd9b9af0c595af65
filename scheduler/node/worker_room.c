/* SPDX-License-Identifier: MIT */
/*
 * Connections under a limit that several queues of a worker share (of a source, of the node): who
 * has more of them than another queue that waits gives one up, an idle one at once, else one after
 * its message. So one provider does not hold up another. See worker_private.h.
 */
#include "scheduler/node/slices.h"
#include "scheduler/node/worker_private.h"

struct room {
	const struct lane *wanting;
	struct lane *most; /* of the lanes that could give, the one with most sessions */
};

static bool waits_for_room(const struct lane *lane)
{
	return lane->wait.kind == LIMIT_CONNECTIONS && level_is_wide(lane->wait.level);
}

static void look_at(struct room *room, struct lane *lane)
{
	if (lane == NULL || lane == room->wanting)
		return;
	if (room->wanting->wait.level == LEVEL_SOURCE && lane->source != room->wanting->source)
		return;
	if (room->most == NULL || lane->sessions > room->most->sessions)
		room->most = lane;
}

/* An idle connection of the lane; NULL if all are at work. */
static struct lane_session *idle_of(const struct lane *lane)
{
	LIST_EACH (it, &lane->queue->idle) {
		struct lane_session *ls = LIST_ITEM(it, struct lane_session, node);
		if (ls->lane == lane)
			return ls;
	}
	return NULL;
}

void worker_wait_for_room(struct worker_queue *q)
{
	if (list_is_empty(&q->waits_room))
		list_push_back(&q->worker->waiting_room, &q->waits_room);
}

void worker_want_room(struct lane *lane)
{
	struct worker *w = lane->queue->worker;
	struct room room = {.wanting = lane};
	if (!waits_for_room(lane))
		return;
	worker_wait_for_room(lane->queue);
	for (struct map_node *n = map_next(&w->queues, NULL); n; n = map_next(&w->queues, n)) {
		struct worker_queue *q = CONTAINER_OF(n, struct worker_queue, by_name);
		for (size_t i = 0; i < q->source_count; i++)
			look_at(&room, q->lanes[i]);
	}
	struct lane *giver = room.most;
	if (giver == NULL || giver->gives_up || !list_is_empty(&giver->ending))
		return;
	struct lane_session *idle = idle_of(giver);
	bool has_no_use = giver->queue->jobs.ready_count == 0;
	if (giver->sessions <= lane->sessions + 1 && !(idle != NULL && has_no_use))
		return;
	if (idle != NULL)
		lane_session_quit(idle);
	else
		giver->gives_up = true;
}

void worker_has_room(struct worker *w)
{
	struct list *node;
	while ((node = list_pop_front(&w->waiting_room)) != NULL) {
		struct worker_queue *q = CONTAINER_OF(node, struct worker_queue, waits_room);
		q->open_after_ms = 0;
		worker_touch(q);
	}
}

void worker_message_ended(struct worker *w, const struct permit_path *path)
{
	static const enum limit_level levels[] = {LEVEL_DOMAIN, LEVEL_CAMPAIGN};
	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		const struct limiter *l = path->shared[levels[i]];
		if (l != NULL && l->caps.connections.count != LIMIT_NONE) {
			worker_has_room(w);
			return;
		}
	}
}
