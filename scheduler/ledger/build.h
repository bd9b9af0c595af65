/* SPDX-License-Identifier: MIT */
/*
 * Building the audience of a campaign: freeze, then batch after batch of chunks.
 *
 * A builder has two connections of its own, so that nothing waits for it; they are kept from one
 * build to the next, since a hundred small campaigns would cost most of their time in connecting:
 * the *holder* has the advisory lock of the campaign and a transaction whose exported snapshot all
 * batches look through; the *hand* inserts the batches, a transaction each. What is built is in
 * build_batch, so a build that dies is taken up where it stopped, by any node, under a new
 * snapshot: the batches are disjoint ranges, so nobody is in twice. Two builders cannot be: the
 * lock, and below it the keys of build_batch and chunk.
 *
 * Sending may begin as soon as on_batch was called once. One build at a time; control thread.
 */
#ifndef EDM_SCHEDULER_LEDGER_BUILD_H
#define EDM_SCHEDULER_LEDGER_BUILD_H

#include "engine/pg/pg.h"
#include "scheduler/ledger/ledger.h"

/* People in a batch, and members of a domain that make it a group of its own. */
#define BUILD_BATCH_SIZE 20000
#define BUILD_BIG_DOMAIN 1000

enum build_end {
	BUILD_COMPLETE, /* the audience is complete; total says how many people */
	BUILD_BUSY,	/* another node is building it */
	BUILD_FAILED,	/* err says why; take it up again later */
};

struct build_result {
	enum build_end end;
	int64_t total;
	struct err err;
};

struct builder;

struct build_events {
	/* A batch is committed: so many people in so many chunks. May be NULL. */
	void (*on_batch)(void *owner, int32_t people, int32_t chunks);
	/* It is over. After BUILD_COMPLETE the builder may start another (here or later), otherwise
	 * close it. */
	void (*on_end)(void *owner, const struct build_result *result);
	void *owner;
};

/* Starts connecting. url is that of the database. */
struct builder *builder_open(struct loop *loop, const char *url);
/* Builds the audience of campaign; none may be under way. */
void builder_start(struct builder *b, int32_t campaign, const struct build_events *events);
bool builder_is_building(const struct builder *b);
/* Stops at once (cancelled, or the node goes down): what is committed stays. Frees when its
 * connections are closed. NULL is fine; may be called in a callback. */
void builder_close(struct builder *b);

/* Campaigns with a build to be done, the most urgent first; valid during the callback. count 0 and
 * fate not done: try again later. */
typedef void (*build_on_due)(void *owner, enum pg_fate fate, const int32_t *campaigns,
			     size_t count);
void build_list_due(struct pg *pg, build_on_due on_due, void *owner);

#endif
