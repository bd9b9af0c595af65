/* SPDX-License-Identifier: MIT */
/*
 * What all connections of a sink share. One thread; the server makes it and reads the clock once a
 * loop turn.
 */
#ifndef EDM_TESTS_SINK_WORLD_H
#define EDM_TESTS_SINK_WORLD_H

#include "tests/sink/accounts.h"
#include "tests/sink/events.h"
#include "tests/sink/profile.h"
#include "tests/sink/stats.h"

#define ADDRESS_TEXT 16u

/* One listening address. */
struct place {
	uint32_t address; /* network order */
	uint16_t port;
	uint16_t index;		 /* in world.places */
	char text[ADDRESS_TEXT]; /* dotted */
	struct profile *profile; /* changes at a reload: read it anew each time */
};

struct world {
	struct place *places;
	size_t place_count;
	struct accounts accounts;
	struct seen greylist; /* (client, sender, recipient) -> first attempt */
	struct events events;
	struct stats stats;
	uint64_t seed;
	uint64_t random; /* state of the generator behind delays */
	bool verify_rcpt;
	const char *save_dir; /* NULL = messages are not saved */
	uint64_t save_every;
	uint64_t bodies;   /* begun */
	uint64_t messages; /* taken; numbers the queue ids */
	int64_t now_us;	   /* monotonic, of this loop turn */
	int64_t wall_us;
};

#endif
