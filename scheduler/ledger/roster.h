/* SPDX-License-Identifier: MIT */
/* The nodes of this installation, as operators see and move them. Blocking; for the command line.
 */
#ifndef EDM_SCHEDULER_LEDGER_ROSTER_H
#define EDM_SCHEDULER_LEDGER_ROSTER_H

#include "engine/base/arena.h"
#include "engine/pg/blocking.h"
#include "ip-pool/store/change.h"

/*
 * X(suffix, number in the database, name)
 *   active    claims work while it runs
 *   draining  finishes what it has leased and claims nothing new
 *   removed   gone from the lists until a node of that name registers again
 */
#define NODE_STATES(X)                                                                             \
	X(ACTIVE, 1, "active")                                                                     \
	X(DRAINING, 2, "draining")                                                                 \
	X(REMOVED, 3, "removed")

#define X(suffix, number, name) NODE_STATE_##suffix = number,
enum node_state { NODE_STATES(X) };
#undef X

struct roster_node {
	int32_t id;
	struct str name, host, version;
	enum node_state state;
	int64_t pid;
	bool is_alive;	      /* its lease holds */
	bool has_left;	      /* it stopped in order */
	int64_t alive_for_ms; /* since the present row of heartbeats began */
	int64_t last_beat_ago_ms;
	int64_t sessions; /* SMTP connections, as it last said */
	int64_t leases;	  /* chunks */
	int64_t sources;  /* that are its own */
};

struct roster {
	struct roster_node *nodes; /* by name; removed ones are not here */
	size_t count;
	struct arena arena;
};

int roster_load(struct pg_blocking *db, struct roster *out, struct err *err) NODISCARD;
void roster_done(struct roster *r);
/* NULL if there is none of that name. */
const struct roster_node *roster_find(const struct roster *r, struct str name);
/* To another state, with an event. ERR_NOT_FOUND; ERR_REFUSED when it is there already, or is to be
 * removed while it runs or holds leases. What was meant for a removed node is free for others. */
int roster_move(struct pg_blocking *db, struct str name, enum node_state state,
		const struct change *change, struct err *err) NODISCARD;
const char *node_state_name(enum node_state state);

#endif
