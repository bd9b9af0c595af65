/* SPDX-License-Identifier: MIT */
/*
 * Everything the database says about sources, providers, limits, pauses, routes and lanes, as one
 * immutable, reference-counted snapshot. It is loaded whole each time something changed.
 *
 * Ends of limits and pauses are monotonic milliseconds of the process that loaded it: the database
 * says how much is left, by its own clock. Threads: shared and read-only; the count is atomic.
 */
#ifndef EDM_IP_POOL_STORE_SNAPSHOT_H
#define EDM_IP_POOL_STORE_SNAPSHOT_H

#include <stdatomic.h>

#include "engine/pg/blocking.h"
#include "engine/pg/pg.h"
#include "ip-pool/lane_state.h"
#include "ip-pool/pause.h"
#include "ip-pool/provider.h"
#include "ip-pool/route.h"
#include "ip-pool/source.h"

/* What was saved of a lane, and what operators want of its warm-up. */
struct lane_record {
	uint32_t source;
	struct str target; /* provider or site */
	struct lane_state state;
	struct warmup_state warmup; /* of a lane that had none: all 0 */
	bool warmup_held;
	int64_t warmup_advanced;
	int64_t forgotten; /* how often operators had it forget; state has heard of each */
	int64_t age_ms;	   /* since it was saved, at loading */
};

/* What a node saved of a party (ip-pool/party.h). */
struct party_record {
	struct str node;
	struct str target; /* provider or site */
	struct str domain; /* empty: a campaign */
	int32_t campaign;  /* 0: a sending domain */
	struct str name;   /* of the domain or the campaign */
	struct party_state state;
	int64_t forgotten; /* how often operators had it forget; state has heard of each */
	int64_t age_ms;	   /* since it was saved, at loading */
};

struct ip_pool_snapshot {
	atomic_int refs;
	struct ip_pool_snapshot *base; /* whose memory this one shares; a reference, or NULL */
	struct arena arena;
	int64_t loaded_ms;	   /* monotonic */
	struct source *sources;	   /* by id; removed ones are not here */
	struct warmup_plan *plans; /* parallel to sources; count 0 = warm */
	size_t source_count;
	struct limit_rules limits;
	struct limit_history past_limits; /* of connections, open and new, in the last day */
	struct pause *pauses;
	size_t pause_count;
	struct route *routes;
	size_t route_count;
	struct lane_record *lanes; /* by (source, target) */
	size_t lane_count;
	struct party_record *parties; /* by (node, target, domain, campaign) */
	size_t party_count;
	struct provider_changes profile_changes; /* those in force at loading */
	struct provider_table *providers;
	int64_t profiles_end_ms; /* when a change of a profile ends by itself, or LIMIT_FOREVER */
};

struct ip_pool_snapshot *ip_pool_snapshot_hold(struct ip_pool_snapshot *s);
/* The last reference frees it. NULL is fine. */
void ip_pool_snapshot_drop(struct ip_pool_snapshot *s);
/* The same with the profiles as they are at now, when some have changed by themselves: one
 * reference, the caller's, which keeps s too. The database need not be asked. NULL with err: what
 * is left is unsound, which whoever changed it was kept from. */
struct ip_pool_snapshot *ip_pool_snapshot_at(struct ip_pool_snapshot *s, int64_t now,
					     struct err *err) NODISCARD;
/* By name or id; NULL if there is none in use. */
const struct source *ip_pool_source(const struct ip_pool_snapshot *s, struct str name);
const struct source *ip_pool_source_by_id(const struct ip_pool_snapshot *s, uint32_t id);
/* NULL if nothing was saved. */
const struct lane_record *ip_pool_lane(const struct ip_pool_snapshot *s, uint32_t source,
				       struct str target);

/* The parties of a node at a target, in a row; returns how many, 0 included. */
size_t ip_pool_parties(const struct ip_pool_snapshot *s, struct str node, struct str target,
		       const struct party_record **first_out);

/* Blocking, for the command line and the start of a node. The caller drops the snapshot. */
int ip_pool_load(struct pg_blocking *conn, int64_t now, struct ip_pool_snapshot **out,
		 struct err *err) NODISCARD;

/*
 * Asynchronous, on the thread of pg. on_loaded is called once, with a snapshot (its reference is
 * the receiver's) or with NULL and err: then what is in force stays in force. If pg is closed
 * before, nobody is called: cancel the loader first.
 */
struct ip_pool_loader;
typedef void (*ip_pool_on_loaded)(void *owner, struct ip_pool_snapshot *snapshot,
				  const struct err *err);
struct ip_pool_loader *ip_pool_load_start(struct pg *pg, int64_t now, ip_pool_on_loaded on_loaded,
					  void *owner);
/* Nobody will be called. The loader frees itself with the last reply; after pg_close, never sooner,
 * pass pg_is_closed so that it is freed at once. Not after on_loaded. */
void ip_pool_load_cancel(struct ip_pool_loader *l, bool pg_is_closed);

#endif
