/* SPDX-License-Identifier: MIT */
/* What a worker's lanes and parties have learnt, for the tables lane_state and party_state. See
 * worker_private.h. */
#include <stdio.h>
#include <stdlib.h>

#include "scheduler/node/worker_private.h"

#define SAVE_MS 10000

static bool is_worth_keeping(const struct lane *lane, int64_t now)
{
	const struct lane_limits *l = &lane->limits;
	if (l->warmup != NULL || health_is_dead(&l->health) || l->health.rests_until_ms > now)
		return true;
	if (lane_learnt_messages_cap(l, now).count != LIMIT_NONE ||
	    l->controller.connections.has_signal || l->controller.rate.has_signal ||
	    windows_are_learning(&l->windows))
		return true;
	return lane->queue->provider.len > 0 && lane->settled > 0;
}

static size_t keep(struct lane *lane, int64_t now, struct lane_saved *out)
{
	if (lane == NULL || !is_worth_keeping(lane, now))
		return 0;
	out->source = lane->source->id;
	snprintf(out->target, sizeof(out->target), "%.*s", STR_ARG(lane->queue->name));
	lane_state_save(&lane->limits, now, &out->state);
	out->has_warmup = lane->limits.warmup != NULL;
	if (out->has_warmup)
		warmup_state_save(lane->limits.warmup, now, &out->warmup);
	return 1;
}

static void save_lanes(struct worker *w)
{
	int64_t now = loop_now_ms(w->loop);
	size_t most = 0;
	for (struct map_node *n = map_next(&w->queues, NULL); n; n = map_next(&w->queues, n))
		most += CONTAINER_OF(n, struct worker_queue, by_name)->source_count;
	struct work_lanes *s = xcalloc(1, sizeof(*s) + most * sizeof(s->lanes[0]));
	for (struct map_node *n = map_next(&w->queues, NULL); n; n = map_next(&w->queues, n)) {
		struct worker_queue *q = CONTAINER_OF(n, struct worker_queue, by_name);
		for (size_t i = 0; i < q->source_count; i++)
			s->count += keep(q->lanes[i], now, &s->lanes[s->count]);
	}
	if (s->count == 0)
		free(s);
	else
		free(work_post(&w->posts, LETTER_LANES, s));
}

void worker_save(struct worker *w)
{
	save_lanes(w);
	worker_save_parties(w);
	w->saved_ms = loop_now_ms(w->loop);
	w->has_news = false;
}

void worker_save_tick(struct worker *w, int64_t now)
{
	if (w->has_news || now - w->saved_ms >= SAVE_MS)
		worker_save(w);
}
