/* SPDX-License-Identifier: MIT */
/*
 * Who we are and what we may do, as of now: the ip-pool's snapshot (sources, provider profiles,
 * limits, pauses, routes) and the reply rules, in one immutable, reference-counted whole. Every
 * change makes a new one that shares what did not change.
 *
 * Threads: shared and read-only; the count is atomic.
 */
#ifndef EDM_SCHEDULER_NODE_IDENTITY_H
#define EDM_SCHEDULER_NODE_IDENTITY_H

#include "engine/pg/pg.h"
#include "engine/reply/rules.h"
#include "ip-pool/store/snapshot.h"

struct identity {
	atomic_int refs;
	struct str node;	       /* our name; lives as long as the process */
	struct ip_pool_snapshot *pool; /* a reference */
	struct rule_set *rules;	       /* a reference */
};

struct identity *identity_hold(struct identity *identity);
/* The last reference frees it. NULL is fine. */
void identity_drop(struct identity *identity);

/* What is in force in old but for the pool: one reference, the caller's; takes the one to pool. */
struct identity *identity_with_pool(const struct identity *old, struct ip_pool_snapshot *pool);

/* What to load; what is not wanted is taken from old. */
struct identity_want {
	struct str node;      /* our name */
	struct identity *old; /* NULL: all is wanted */
	bool pool, rules;
	int64_t now; /* monotonic ms */
};

/*
 * Loading. identity: one reference, the callee's; NULL with err when it cannot be loaded (no limit
 * makes sense, say): what was in force stays. An operator's reply rule that is unsound is left out
 * (rule_set_left_out) and stops nothing. Thread of pg.
 */
struct identity_load;
typedef void (*identity_on_loaded)(void *owner, struct identity *identity, const struct err *err);
struct identity_load *identity_load(struct pg *pg, const struct identity_want *want,
				    identity_on_loaded on_loaded, void *owner);
/* Nobody is called; it is freed. After pg_close, never sooner. NULL is fine. */
void identity_load_free(struct identity_load *load);

#endif
