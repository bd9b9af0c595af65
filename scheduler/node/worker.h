/* SPDX-License-Identifier: MIT */
/*
 * A worker: one thread with one loop that owns some providers whole: their queues, lanes, limiters
 * and sessions. A provider lives on exactly one worker, so every limit of a lane, a provider and a
 * sending domain at a provider is local and exact without a lock.
 *
 * A loop turn of a worker: letters and sockets → what happened is collected → queues that changed
 * are pumped → one journal write for every intent and outcome of the turn → lease check → the
 * terminators leave, the outcomes go to control. So no terminator is handed to the kernel before
 * its intent is in the journal, and no outcome reaches control before it is.
 *
 * Everything here is called by control; the worker answers with letters to control's mailbox.
 */
#ifndef EDM_SCHEDULER_NODE_WORKER_H
#define EDM_SCHEDULER_NODE_WORKER_H

#include "engine/net/tls.h"
#include "engine/reply/rules.h"
#include "scheduler/ledger/journal.h"
#include "scheduler/node/composer.h"
#include "scheduler/node/identity.h"
#include "scheduler/node/past.h"
#include "scheduler/node/site.h"

/* What all workers and control share; control writes, workers read. */
struct node_shared {
	_Atomic int64_t lease_until_ms;	 /* CLOCK_BOOTTIME: no terminator leaves at or after it */
	_Atomic int64_t clock_offset_us; /* database time − CLOCK_BOOTTIME */
};

/* Settings of a worker; replaced as a whole by LETTER_RELOAD. Immutable. */
struct worker_settings {
	struct smtp_timeouts timeouts;
	int64_t idle_ms;	/* an idle connection is closed after this */
	int64_t grace_ms;	/* draining: what is under way then is given up */
	int64_t park_ms;	/* a job whose lane will not go for longer goes back */
	int64_t flush_ms;	/* how often control flushes: sizes the window of credits */
	int64_t compose_budget; /* bytes composed ahead, of the whole node */
	size_t max_sessions;	/* of this worker */
	struct settle_policy settle;
	bool may_pipeline;
	bool may_overlap;
};

struct worker_options {
	size_t index;
	struct mailbox *control;
	struct composers *composers;
	struct node_shared *shared;
	struct tls_context *tls;
	struct journal *journal; /* the worker opens the stream of its index */
	size_t workers;
	int32_t incarnation;
	enum journal_sync_mode journal_mode;
	size_t journal_segment_bytes;
	struct worker_settings settings;
	const struct past *past; /* what limits must remember, or NULL */
	struct identity
		*identity; /* sources, limits, pauses, rules as of now; a reference is taken */
};

/* A new identity or new settings. Freed by the worker. */
struct work_reload {
	uint64_t number;	   /* of this reload, from 1 */
	uint64_t site_round;	   /* grows when routes, profiles or the way to them changed */
	struct identity *identity; /* a reference */
	struct worker_settings settings;
};

/* One provider queue in a status. */
struct work_queue_status {
	char name[128];
	size_t queued, ready, sessions;
	uint64_t settled; /* since the worker started */
};

/* Lanes of one queue whose sources are of one pool: all that campaigns of that pool may use. */
struct work_pool_status {
	size_t queue;	 /* of work_status.queues */
	struct str pool; /* its name; in work_status.names */
	int64_t next_ms; /* when they can go next; now or before = they are going */
	bool is_refused; /* each of them is dead or blocked: it counts towards give-up */
};

/* Once a second. Freed by control. */
struct work_status {
	size_t worker;
	size_t sessions;
	int64_t lag_us, longest_us; /* its loop: p99.9 of the turns, and the longest of a second */
	bool is_journal_broken;	    /* nothing more is sent: the node must stop */
	struct err journal; /* ERR_NONE, or why it cannot be written: nothing is sent until then */
	struct buf lanes;   /* JSON objects of the lanes, separated by commas, for node_live */
	struct buf waiting; /* likewise: campaigns that wait for a limit of their own */
	size_t pool_count;
	struct work_pool_status *pools;
	struct arena names;
	size_t queue_count;
	struct work_queue_status queues[];
};
/* NULL is fine. */
void work_status_free(struct work_status *status);

/* What lanes have learnt, to be saved. Freed by control. */
struct lane_saved {
	uint32_t source;
	char target[256]; /* provider or site */
	bool has_warmup;
	struct lane_state state;
	struct warmup_state warmup;
};

struct work_lanes {
	size_t count;
	struct lane_saved lanes[];
};

/* What limited parties have learnt, to be saved. Freed by control. */
struct party_saved {
	char target[256]; /* provider or site */
	char domain[256]; /* empty: a campaign */
	int32_t campaign; /* 0: a sending domain */
	struct party_state state;
};

struct work_parties {
	size_t count;
	struct party_saved parties[];
};

/* A receiver blocks a lane: it rests. Freed by control, all that hang together. */
struct work_blocked {
	struct work_blocked *next; /* another lane's, or NULL */
	char source[64], target[256];
	char reply[WORK_TEXT_MAX];
	int64_t rests_ms;
};

/*
 * Connections begun since it last said so, by lane: control counts them for limits by the hour and
 * day, and says when they are in the database. Freed by control, all that hang together.
 */
struct work_connects {
	struct work_connects *next; /* an earlier one not yet heard, or NULL */
	size_t worker;
	size_t count;
	struct work_connect_item {
		uint32_t source;
		int32_t connections;
		char target[320]; /* provider or site */
	} items[];
};
/* Control's answer. Freed by the worker. */
struct work_connects_saved {
	size_t worker;
};

struct worker;

/* Opens its stream of the journal and starts the thread. NULL and err when the journal refuses. */
struct worker *worker_open(const struct worker_options *options, struct err *err);
/* Where letters to it go. */
struct mailbox *worker_inbox(struct worker *w);
/* After LETTER_DRAINED, on control's thread: joins the worker's, delivers what is in control's box,
 * as its letters end with it, and frees it. NULL is fine. */
void worker_close(struct worker *w);

#endif
