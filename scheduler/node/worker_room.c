/* SPDX-License-Identifier: MIT */
/*
 * Connections of which several queues of a worker share a number: under a limit (of a source, of
 * the node), or the seats, all that a worker may have at once. Who has more of them than another
 * queue that waits gives one up, an idle one at once, else one after its message. So one provider
 * does not hold up another. See worker_private.h.
 */
#include "scheduler/node/slices.h"
#include "scheduler/node/worker_private.h"

/* Everybody who could give a connection is looked at, so not more often than this. */
#define LOOK_PAUSE_MS 2
/* Queues that try when a connection has ended: it frees one, and they may wait for others. */
#define WAKE_MAX 8
/* Idle connections that are looked at for one of a queue that has no use for it. */
#define RESTING_LOOK_MAX 16

struct room {
	const struct lane *wanting; /* NULL: any connection will do */
	struct lane *most;	    /* of the lanes that could give, the one with most sessions */
};

static bool waits_for_room(const struct lane *lane)
{
	return lane->wait.kind == LIMIT_CONNECTIONS && level_is_wide(lane->wait.level);
}

static void look_at(struct room *room, struct lane *lane)
{
	if (lane == NULL || lane == room->wanting || lane->gives_up ||
	    !list_is_empty(&lane->ending))
		return;
	if (room->wanting != NULL && room->wanting->wait.level == LEVEL_SOURCE &&
	    lane->source != room->wanting->source)
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

/* The lane with most connections of those that could give what is wanted; NULL = none, or somebody
 * looked just now. */
static struct lane *giver_for(struct worker *w, const struct lane *wanting)
{
	struct room room = {.wanting = wanting};
	int64_t now = loop_now_ms(w->loop);
	if (now < w->room_looked_ms + LOOK_PAUSE_MS)
		return NULL;
	w->room_looked_ms = now;
	for (struct map_node *n = map_next(&w->queues, NULL); n; n = map_next(&w->queues, n)) {
		struct worker_queue *q = CONTAINER_OF(n, struct worker_queue, by_name);
		for (size_t i = 0; i < q->source_count; i++)
			look_at(&room, q->lanes[i]);
	}
	return room.most;
}

static void give(struct lane *giver, struct lane_session *idle)
{
	if (idle != NULL)
		lane_session_quit(idle);
	else
		giver->gives_up = true;
}

void worker_want_room(struct lane *lane)
{
	if (!waits_for_room(lane))
		return;
	worker_wait_for_room(lane->queue);
	struct lane *giver = giver_for(lane->queue->worker, lane);
	if (giver == NULL)
		return;
	struct lane_session *idle = idle_of(giver);
	bool has_no_use = giver->queue->jobs.ready_count == 0;
	if (giver->sessions > lane->sessions + 1 || (idle != NULL && has_no_use))
		give(giver, idle);
}

void worker_has_room(struct worker *w)
{
	struct list *node;
	for (int i = 0; i < WAKE_MAX && (node = list_pop_front(&w->waiting_room)) != NULL; i++) {
		struct worker_queue *q = CONTAINER_OF(node, struct worker_queue, waits_room);
		q->open_after_ms = 0;
		worker_touch(q);
	}
}

/* --------------------------------------------------------------------------------------- seats */

static bool has_nobody_waiting(const struct worker_queue *q)
{
	return provider_queue_total(&q->jobs) == q->jobs.taken_count;
}

/* Of those idle for longest, a connection nobody waits for; NULL = none. */
static struct lane_session *useless(const struct worker *w)
{
	int looked = 0;
	LIST_EACH (it, &w->resting) {
		struct lane_session *ls = LIST_ITEM(it, struct lane_session, resting);
		if (has_nobody_waiting(ls->lane->queue))
			return ls;
		if (++looked == RESTING_LOOK_MAX)
			break;
	}
	return NULL;
}

static void want_seat(struct worker *w)
{
	struct lane_session *ls = useless(w);
	if (ls != NULL) {
		lane_session_quit(ls);
		return;
	}
	struct lane *giver = giver_for(w, NULL);
	if (giver != NULL && giver->queue->sessions > 1)
		give(giver, idle_of(giver));
}

static bool has_free_seat(const struct worker *w)
{
	return w->sessions < w->options.settings.max_sessions;
}

bool worker_has_seat(struct worker_queue *q)
{
	struct worker *w = q->worker;
	if (q->sessions > 0 || has_free_seat(w))
		return true;
	if (list_is_empty(&q->waits_seat))
		list_push_back(&w->waiting_seats, &q->waits_seat);
	want_seat(w);
	return false;
}

bool worker_seat_is_wanted(const struct worker_queue *q)
{
	return !list_is_empty(&q->worker->waiting_seats) && has_nobody_waiting(q);
}

bool worker_may_open(struct worker_queue *q)
{
	/* Who has none goes before who wants one more. */
	bool is_first = q->sessions == 0 || list_is_empty(&q->worker->waiting_seats);
	return worker_has_seat(q) && is_first && has_free_seat(q->worker);
}

void worker_share_seats(struct worker *w)
{
	size_t max = w->options.settings.max_sessions;
	size_t free_count = max > w->sessions ? max - w->sessions : 0;
	struct list *node;
	while (free_count-- > 0 && (node = list_pop_front(&w->waiting_seats)) != NULL)
		worker_touch(CONTAINER_OF(node, struct worker_queue, waits_seat));
	if (!list_is_empty(&w->waiting_seats))
		want_seat(w);
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
