/* SPDX-License-Identifier: MIT */
/*
 * Limits wider than a worker between the database, which deals the shares of nodes, control, which
 * deals those of its workers, and the workers, which go by them.
 *
 *   of all   over all nodes: of a campaign, of a provider over all sources, of a sending domain
 *            at a provider. Control asks the database for the node's part (share_store.h)
 *   of ours  of a source or the node: the limit itself is what control deals. With one worker there
 *            is nothing to deal
 *
 * A worker says for every such limit what it counts and what it could use (a wish): once a second,
 * at once when somebody has to wait for a limit that was wide enough before, and after each letter
 * that took something away. Control deals by ip-pool/shares.h and answers with what changed
 * (shares). Once a second it says the same of the whole node to the database, for all limits of all
 * at once, and at once when work finds nothing to use; without such a limit nothing is asked.
 *
 * A limit that is new, or there again, is dealt only when every worker has spoken under the
 * identity that brought it, and every node likewise: what they had counted before is known then.
 *
 * A share of a limit of all is used only while the lease lasts that the node held when it asked: a
 * node that was out of touch asks anew before anything begins.
 */
#ifndef EDM_SCHEDULER_NODE_SLICES_H
#define EDM_SCHEDULER_NODE_SLICES_H

#include "ip-pool/limiter.h"
#include "scheduler/node/work.h"

/* A scope wider than a worker, by value; the names its level needs, NUL-terminated. */
struct wide_scope {
	enum limit_level level; /* any but LANE */
	int64_t campaign;
	bool is_tail;	  /* site belongs to no provider, else it is the provider's name */
	char source[64];  /* name */
	char domain[256]; /* sending domain */
	char site[320];
};

struct work_wish_item {
	struct wide_scope scope;
	int meter;
	int64_t counted, wanted;
	uint64_t version; /* of the share it goes by */
};

/* Worker → control. Freed by control. */
struct work_wish {
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
	int64_t until_ms; /* shares of limits of all may be used until then */
	size_t count;
	struct work_share_item items[];
};

/* True for the levels that reach over the queues of a worker: of a source, a campaign, the node. */
bool level_is_wide(enum limit_level level);
/* True for the levels that reach over all nodes. */
bool level_is_of_all(enum limit_level level);

#endif
