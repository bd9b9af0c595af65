/* SPDX-License-Identifier: MIT */
/*
 * What to claim next. Pure: the node says what each (campaign, group) holds and could use, the
 * planner answers with chunks to lease.
 *
 * A **need** is one campaign at one group. Its room is how many recipients its lanes could take
 * within the horizon; a group whose lanes cannot go (paused, blocked, no permit within the horizon)
 * has none, so that one blocked source starves nobody and nothing is leased to lie about. Each need
 * that has room and holds nothing gets one chunk before anybody gets a second one: a small campaign
 * can always put its foot in the door. What is left of the budget goes by priority, then in turns.
 */
#ifndef EDM_SCHEDULER_PLAN_PLANNER_H
#define EDM_SCHEDULER_PLAN_PLANNER_H

#include <stddef.h>
#include <stdint.h>

/* Recipients of a full chunk. */
#define PLAN_CHUNK_SIZE 1000u

struct plan_need {
	int32_t campaign;
	int32_t group;	  /* id of the group within the campaign's audience */
	int32_t priority; /* of the campaign; higher goes first */
	size_t held;	  /* recipients leased for this need and not yet settled */
	size_t room;	  /* recipients its lanes could take within the horizon; 0 = do not claim */
	size_t ready_chunks; /* chunks the database has ready, as last heard */
	size_t chunks;	     /* answer: how many chunks to claim now */
};

/*
 * Fills needs[i].chunks for count needs so that at most budget recipients more are leased in all,
 * counting every chunk as full. The order of needs of equal priority is the order of the turns:
 * the caller rotates it. Returns how many chunks were given.
 */
size_t planner_claims(struct plan_need *needs, size_t count, size_t budget);

/*
 * Room of a need whose lanes are free to go: what it settled per second times the horizon, never
 * less than one chunk, so that a quick group is always claimed ahead and a slow one holds little.
 */
size_t planner_room(double settled_per_s, int64_t horizon_ms);

/*
 * When somebody parked until a lane goes at goes_ms is to be due in the retry table. Few who are
 * due wait up to grain_ms for more of them, and are packed and claimed in rounds of a second: he is
 * due that much earlier, to be in hand when the lane goes, though not so early that he would be
 * parked again. Never before now.
 */
int64_t planner_parked_until_ms(int64_t goes_ms, int64_t grain_ms, int64_t park_ms, int64_t now);

/* The last message is this part of the time that messages take. */
#define PLAN_TRANSFER_PARTS 32.0

/* How the people of a need fare. */
struct plan_pace {
	uint64_t settled;
	uint64_t settled_before; /* at the last tick */
	double rate_per_s;	 /* settled, smoothed */
	double transfer_ms;	 /* from permit to final reply, smoothed */
	int64_t shut_until_ms;	 /* its lanes will not go before */
};

/* Somebody was settled after a message that took so long. */
void plan_pace_settle(struct plan_pace *p, double transfer_ms);
/* Once a second. */
void plan_pace_tick(struct plan_pace *p);
/* Its queue says when its lanes go next: now or before, then, or INT64_MAX: nobody knows. It holds
 * for a minute only: a queue without people may be forgotten and say no more. */
void plan_pace_shut(struct plan_pace *p, int64_t next_ms, int64_t now);
/* Room of the need: none while its lanes are shut for longer than the horizon. */
size_t plan_pace_room(const struct plan_pace *p, int64_t horizon_ms, int64_t now);

#endif
