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

#endif
