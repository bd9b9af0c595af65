/* SPDX-License-Identifier: MIT */
/*
 * What running lanes leave in the database: what they and the parties have learnt (a node saves it
 * now and then), and how much they have used of limits by the hour and day (the ledger's flush
 * writes it, a node reads it when it starts).
 */
#ifndef EDM_IP_POOL_STORE_LANE_STORE_H
#define EDM_IP_POOL_STORE_LANE_STORE_H

#include "engine/base/arena.h"
#include "engine/pg/blocking.h"
#include "ip-pool/store/change.h"
#include "ip-pool/store/snapshot.h"

#define LANE_STORE_SAVE "ip-pool/save_lanes"

/*
 * Parameters of LANE_STORE_SAVE for count lanes (source, target, state and, with has_warmup[i],
 * their warmup). p must be initialised; a node sends them with pg_call.
 */
void lane_store_params(struct pg_params *p, const struct lane_record *lanes, const bool *has_warmup,
		       size_t count);

#define PARTY_STORE_SAVE "ip-pool/save_parties"
/* Likewise of a node's parties (target, domain, campaign and state). */
void party_store_params(struct pg_params *p, int32_t node_id, const struct party_record *parties,
			size_t count);

/*
 * Has the lanes of a source (empty: of each) to a provider or site (empty: every one) forget what
 * they have learnt, and where it is each source the parties at that target, too; blocking, see
 * change.h. A lane that both name need not be known; returns how many lanes and parties, 0
 * included, or -1.
 */
int lane_store_forget(struct pg_blocking *conn, struct str source, struct str target,
		      const struct change *change, struct err *err) NODISCARD;

/* Messages and new connections (of no campaign) of one key that ended at at_ms (monotonic, may be
 * before the boot) or before. */
struct past_usage {
	int64_t at_ms;
	uint32_t source;
	struct str target; /* provider or site */
	struct str domain; /* sending domain */
	int64_t campaign;
	int64_t messages;
	int64_t connections;
};

struct usage_list {
	const struct past_usage *items; /* oldest first */
	size_t count;
	struct arena arena; /* of items and their texts */
};

/* Usage of the last 25 hours of one node or, 0, of all; blocking. End it with usage_done. */
int usage_load(struct pg_blocking *conn, int32_t node_id, int64_t now, struct usage_list *out,
	       struct err *err) NODISCARD;
void usage_done(struct usage_list *list);

#endif
