/* SPDX-License-Identifier: MIT */
/* Which chunks to claim: a foot in the door for all, then by priority and in turns. */
#include "scheduler/plan/planner.h"

#include <stdbool.h>

/* People in hand that a connection is worth: with fewer, a queue of slow receivers would not open
 * one more (MESSAGES_WORTH in node/worker_queue.c), and go on as slowly. */
#define PEOPLE_A_CONNECTION 12
/* What a queue says holds for so long; it says so every second while it is there. */
#define LOOK_AGAIN_MS 60000
/* To pack who is due, to read of the chunk, and to claim it. */
#define ROUNDS_MS 2500

static size_t planned(const struct plan_need *need)
{
	return need->held + need->chunks * PLAN_CHUNK_SIZE;
}

static bool wants_more(const struct plan_need *need)
{
	return need->chunks < need->ready_chunks && planned(need) < need->room;
}

/* The need to serve next: the highest priority, and of those the one that was given least. */
static struct plan_need *next_need(struct plan_need *needs, size_t count)
{
	struct plan_need *best = NULL;
	for (size_t i = 0; i < count; i++) {
		struct plan_need *need = &needs[i];
		if (!wants_more(need))
			continue;
		if (best == NULL || need->priority > best->priority ||
		    (need->priority == best->priority && need->chunks < best->chunks))
			best = need;
	}
	return best;
}

size_t planner_claims(struct plan_need *needs, size_t count, size_t budget)
{
	size_t left = budget / PLAN_CHUNK_SIZE;
	size_t given = 0;
	for (size_t i = 0; i < count; i++)
		needs[i].chunks = 0;
	for (size_t i = 0; i < count && given < left; i++) {
		if (needs[i].held == 0 && wants_more(&needs[i])) {
			needs[i].chunks = 1;
			given++;
		}
	}
	struct plan_need *need;
	while (given < left && (need = next_need(needs, count)) != NULL) {
		need->chunks++;
		given++;
	}
	return given;
}

size_t planner_room(double settled_per_s, int64_t horizon_ms)
{
	double room = settled_per_s * (double)horizon_ms / 1000.0;
	return room > PLAN_CHUNK_SIZE ? (size_t)room : PLAN_CHUNK_SIZE;
}

int64_t planner_parked_until_ms(int64_t goes_ms, int64_t grain_ms, int64_t park_ms, int64_t now)
{
	int64_t early_ms = grain_ms + ROUNDS_MS;
	if (early_ms > park_ms / 2)
		early_ms = park_ms / 2;
	return goes_ms - early_ms > now ? goes_ms - early_ms : now;
}

void plan_pace_settle(struct plan_pace *p, double transfer_ms)
{
	p->settled++;
	p->transfer_ms += (transfer_ms - p->transfer_ms) / PLAN_TRANSFER_PARTS;
}

void plan_pace_tick(struct plan_pace *p)
{
	double settled = (double)(p->settled - p->settled_before);
	p->settled_before = p->settled;
	p->rate_per_s = 0.5 * p->rate_per_s + 0.5 * settled;
}

void plan_pace_shut(struct plan_pace *p, int64_t next_ms, int64_t now)
{
	p->shut_until_ms = next_ms < now + LOOK_AGAIN_MS ? next_ms : now + LOOK_AGAIN_MS;
}

size_t plan_pace_room(const struct plan_pace *p, int64_t horizon_ms, int64_t now)
{
	if (p->shut_until_ms > now + horizon_ms)
		return 0;
	/* As many connections are busy as messages are settled in the time that one takes. */
	int64_t worth_ms = PEOPLE_A_CONNECTION * (int64_t)p->transfer_ms;
	return planner_room(p->rate_per_s, horizon_ms + worth_ms);
}
