/* SPDX-License-Identifier: MIT */
/*
 * A node's shares of the limits that hold over all nodes together. The database deals them: see
 * edm.limit_share_ask, which each node calls about once a second with all its limits at once.
 *
 * A part may be used while the lease lasts that the node held when it asked. What the node counts
 * beyond a part that shrank is said with the next call, and only then is it free for others.
 */
#ifndef EDM_IP_POOL_STORE_SHARE_STORE_H
#define EDM_IP_POOL_STORE_SHARE_STORE_H

#include "engine/pg/blocking.h"
#include "ip-pool/limit.h"

#define SHARE_STORE_ASK "ip-pool/ask_shares"
/* A process that is gone may still have connections for so long: as long as receivers wait for a
 * command, and a minute. */
#define SHARE_CONNECTION_GRACE_MS INT64_C(360000)

struct share_asker {
	int32_t node, incarnation;
	int64_t known_rule; /* the newest under which it says all that it counts */
	bool is_leaving;    /* it stops, and uses none from now on */
};

/* What it asks of one limit. */
struct share_ask {
	struct str scope; /* level and names, the same on all nodes */
	int meter;
	int64_t rule, limit;
	int64_t wanted;	 /* what it could use, what it counts included */
	int64_t held;	 /* what it may count now, by what it was told and has handed on */
	int32_t version; /* of the part it goes by; 0: none */
};

/* What it was given of one limit. */
struct share_given {
	struct str scope;
	int meter;
	int64_t part;
	int32_t version;
};

/* Parameters of SHARE_STORE_ASK; p must be initialised. */
void share_store_params(struct pg_params *p, const struct share_asker *asker,
			const struct share_ask *asks, size_t count);
/* One row of its reply; the scope lives as long as rows. No row at all: the lease is over. */
struct share_given share_store_given(const struct pg_rows *rows, int row);

#endif
