/* SPDX-License-Identifier: MIT */
/*
 * Limits wider than a worker (of a source, a campaign, the node) between control, which deals their
 * shares, and the workers, which go by them (the arithmetic is ip-pool/shares.h).
 *
 * A worker says for every such limit what it counts and what it could use (a wish): once a second,
 * at once when somebody has to wait for a limit that was wide enough before, and after each letter
 * that took something away. Control answers with what changed (shares). With one worker nothing is
 * divided and no letter is sent.
 *
 * A limit that is new, or there again, is dealt only when every worker has spoken under the
 * identity that brought it: what they had counted before is known then.
 */
#ifndef EDM_SCHEDULER_NODE_SLICES_H
#define EDM_SCHEDULER_NODE_SLICES_H

#include "ip-pool/limiter.h"
#include "scheduler/node/work.h"

/* A scope wider than a worker, by value. */
struct wide_scope {
	enum limit_level level; /* SOURCE, CAMPAIGN or NODE */
	int64_t campaign;
	char source[64]; /* name, NUL-terminated */
};

struct work_wish_item {
	struct wide_scope scope;
	int meter;
	int64_t counted, wanted;
	uint64_t version; /* of the share it goes by */
};

/* Worker → control. Freed by control. */
struct work_wish {
	struct work_letter letter;
	size_t worker;
	uint64_t reload; /* number of the last LETTER_RELOAD it goes by; 0 = as started */
	size_t count;
	struct work_wish_item items[];
};

struct work_share_item {
	struct wide_scope scope;
	int meter;
	int64_t part;
	uint64_t version;
};

/* Control → worker. Freed by the worker. */
struct work_shares {
	struct work_letter letter;
	size_t count;
	struct work_share_item items[];
};

/* True for the levels that reach over workers. */
bool level_is_wide(enum limit_level level);

#endif
