/* SPDX-License-Identifier: MIT */
/*
 * What limits must remember of the processes before this one: the usage of the last day by lane and
 * campaign, and each stop in it that was not clean. Read once at the start; immutable then, any
 * thread.
 */
#ifndef EDM_SCHEDULER_NODE_PAST_H
#define EDM_SCHEDULER_NODE_PAST_H

#include "engine/pg/blocking.h"
#include "ip-pool/limiter.h"
#include "scheduler/ledger/ledger.h"

struct past;

/* Which part of it a worker has to count: the providers that live there. */
struct past_view {
	const struct past *past; /* NULL: there is none */
	size_t worker, workers;
};

/* Reads the past of a node; after this process has registered. Free it with past_free; NULL on
 * error. */
struct past *past_load(struct pg_blocking *db, struct member_id id, struct err *err) NODISCARD;
/* Unclean stops close to each other. */
struct past_stop {
	int64_t count;
	int64_t first_alive_ms, last_alive_ms;
	int64_t begun_ms; /* when the process after the last of them began */
};

/* The past as somebody else knows it (the simulator): its unclean stops, oldest first, and what was
 * sent, in any order. Texts and rows are borrowed. */
struct past_usage;
struct past *past_new(const struct past_stop *stops, size_t stop_count,
		      const struct past_usage *rows, size_t count);
/* NULL is fine. */
void past_free(struct past *p);
/* When connections may have been opened that were open at the stop, or one it stands for. */
void past_stop_span(const struct past_view *view, size_t stop, int64_t *from_ms_out,
		    int64_t *to_ms_out);

/*
 * Counts the past for a limiter just made, which is bound: of a lane or a source pass the source's
 * id, else 0. After an unclean stop what seconds and minutes hold counts as spent, and connections
 * (as many as there may have been then) may be open until close_ms after the process after it
 * began, each with a message nobody wrote down; new ones are counted as of then.
 */
struct past_left {
	int64_t connections; /* that may have been open */
	int64_t connects;    /* new ones nobody wrote down */
};
struct past_extent {
	uint32_t source;
	/* How many of what the limiter is for; NULL: none. */
	struct past_left (*left)(const void *owner, const struct past_view *view, size_t stop);
	/* Over all sources: is this one counted otherwise? NULL: none is. */
	bool (*is_counted)(const void *owner, uint32_t source);
	const void *owner;
	int64_t close_ms;
	bool may_overlap; /* each may have had two messages under way */
};
void past_apply(const struct past_view *view, const struct past_extent *extent, struct limiter *l,
		int64_t now);
/* Calls on_target once for each site of this part that the source sent to in the last minutes
 * before an unclean stop, and each provider it sent to in the day before, as far as the scope is
 * concerned (a campaign's messages). */
struct past_targets {
	uint32_t source;
	size_t stop; /* as told to past_extent.connections */
	const struct limit_scope *scope;
	void (*on_target)(void *owner, struct str target);
	bool (*is_provider)(const void *owner, struct str target); /* NULL: none is */
	void *owner;
};
void past_targets(const struct past_view *view, const struct past_targets *want);
/* Calls on_campaign once for each campaign this part of the past knows; may repeat. */
void past_campaigns(const struct past_view *view,
		    void (*on_campaign)(void *owner, int64_t campaign), void *owner);

#endif
