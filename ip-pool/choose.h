/* SPDX-License-Identifier: MIT */
/*
 * The step that picks a source for a job.
 *
 * Among the usable sources of the pool: a preferred one (greylisting, 2 h) as long as it can still
 * go at all; else the one that is behind its weight, of those whose lane has a permit now; if none
 * has, the answer says which could go first and when. A source that was away does not catch up:
 * its turn starts at the turn of the others. One owner; pure.
 */
#ifndef EDM_IP_POOL_CHOOSE_H
#define EDM_IP_POOL_CHOOSE_H

#include <stddef.h>

#include "ip-pool/source.h"

#define CHOOSE_PREFER_MS INT64_C(7200000) /* how long a greylisted retry prefers its source */
#define CHOOSE_NOBODY SIZE_MAX

/* One source as a candidate; the caller keeps it next to the lane, turn starting at 0. */
struct choose_candidate {
	uint32_t source;     /* its id */
	int weight;	     /* ≥ 1 */
	bool is_usable;	     /* active, not paused, on this node, allowed to the campaign */
	int64_t ready_at_ms; /* from lane_message_ready_at or lane_connection_ready_at */
	uint64_t turn;	     /* how far its share is used up; choose_use moves it */
};

struct choice {
	size_t index;  /* of the candidate that may go now; CHOOSE_NOBODY = none */
	size_t first;  /* without one: who could go first; CHOOSE_NOBODY = nobody is usable */
	int64_t at_ms; /* and when */
};

/*
 * preferred: a source id, 0 = none, honoured until prefer_until_ms: then the answer is that source
 * or a wait for it, unless it is not usable.
 */
struct choice choose_source(const struct choose_candidate *candidates, size_t count,
			    uint32_t preferred, int64_t prefer_until_ms, int64_t now);
/* Counts one job for candidates[index]. */
void choose_use(struct choose_candidate *candidates, size_t count, size_t index);

#endif
