/* SPDX-License-Identifier: MIT */
/*
 * The start of a node, blocking, before its loop runs: lock the journal → settle what the process
 * before us left, under its identity → register → settle once more, because a claim of the old
 * process may have committed meanwhile → forget the old segments. A drained node leaves again.
 */
#ifndef EDM_SCHEDULER_NODE_START_H
#define EDM_SCHEDULER_NODE_START_H

#include "scheduler/ledger/journal.h"
#include "scheduler/ledger/member.h"

struct past;

struct start {
	/* In. */
	const char *database_url;
	const char *node_name;
	const char *data_dir; /* the journal is data_dir/journal */
	int64_t lease_ms;
	int64_t unknown_retry_ms;
	/* Out. */
	struct journal *journal; /* locked; the caller's */
	struct member_id id;
	struct past *past;     /* the caller's */
	int64_t registered_ms; /* boot clock when the registration was sent */
};

/* ERR_REFUSED when the name or the journal is in use, or the node is drained. */
int keeper_start(struct start *s, struct err *err) NODISCARD;
/* The last line of a node that an operator drained: who did, and why, unless that was undone
 * meanwhile. Blocking; after the loop. */
void start_log_drained(const char *database_url, const char *node_name);

#endif
