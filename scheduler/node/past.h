/* SPDX-License-Identifier: MIT */
/*
 * What limits must remember of the processes before this one: the usage of the last day by lane and
 * campaign, and whether the last stop was clean. Read once at the start; immutable then, any
 * thread.
 */
#ifndef EDM_SCHEDULER_NODE_PAST_H
#define EDM_SCHEDULER_NODE_PAST_H

#include "engine/pg/blocking.h"
#include "ip-pool/limiter.h"

struct past;

/* Which part of it a worker has to count: the providers that live there. */
struct past_view {
	const struct past *past; /* NULL: there is none */
	size_t worker, workers;
};

/* How the last process ended; before this one registers. Free it with past_free. */
struct past *past_open(struct pg_blocking *db, const char *node_name, int64_t lease_ms,
		       struct err *err) NODISCARD;
/* Reads its usage; after this one has registered. */
int past_load(struct past *p, struct pg_blocking *db, int32_t node, struct err *err) NODISCARD;
/* NULL is fine. */
void past_free(struct past *p);

/*
 * Counts the past for a limiter just made, which is bound: of a lane or a source pass the source's
 * id, else 0. After an unclean stop what seconds and minutes hold counts as spent, and connections
 * (how many the lane may have had; 0 for others) may be open until close_ms after this process
 * began, each with a message nobody wrote down.
 */
struct past_extent {
	uint32_t source;
	int64_t connections;
	int64_t close_ms;
	bool may_overlap; /* each may have had two messages under way */
};
void past_apply(const struct past_view *view, const struct past_extent *extent, struct limiter *l,
		int64_t now);
/* After an unclean stop: calls on_target once for each provider or site of this part that the
 * source sent to in the last minutes; else never. */
void past_targets(const struct past_view *view, uint32_t source,
		  void (*on_target)(void *owner, struct str target), void *owner);
/* Calls on_campaign once for each campaign this part of the past knows; may repeat. */
void past_campaigns(const struct past_view *view,
		    void (*on_campaign)(void *owner, int64_t campaign), void *owner);

#endif
