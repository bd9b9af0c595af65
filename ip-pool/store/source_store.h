/* SPDX-License-Identifier: MIT */
/* Sources in the database: add, change, move between states, warm-up. See change.h. */
#ifndef EDM_IP_POOL_STORE_SOURCE_STORE_H
#define EDM_IP_POOL_STORE_SOURCE_STORE_H

#include "engine/pg/blocking.h"
#include "ip-pool/source.h"
#include "ip-pool/store/change.h"
#include "ip-pool/warmup.h"

/* Fields that are empty (weight 0) stay as they are. */
struct source_change {
	struct str ehlo, public_address, pool;
	int weight;
	struct str node; /* with sets_node: empty = no node */
	bool sets_node;
	const struct warmup_plan *plan; /* NULL = as it is; count 0 = warm */
};

/* Adds s (id and state are not read; empty pool = default, weight 0 = 1) and returns its id. */
int source_store_add(struct pg_blocking *conn, const struct source *s, const struct change *change,
		     uint32_t *id_out, struct err *err) NODISCARD;
int source_store_set(struct pg_blocking *conn, struct str name, const struct source_change *wanted,
		     const struct change *change, struct err *err) NODISCARD;
/* To active, draining or removed; ERR_REFUSED if it is there already. */
int source_store_move(struct pg_blocking *conn, struct str name, enum source_state state,
		      const struct change *change, struct err *err) NODISCARD;
/* An operator's hand on warm-ups. */
struct warmup_steering {
	struct str source;
	struct str target; /* provider or site; empty = every lane known */
	int held;	   /* 1, 0; -1 = as it is */
	int steps;	   /* forward */
};

/* Returns how many lanes it reached, or -1. */
int source_store_steer(struct pg_blocking *conn, const struct warmup_steering *steering,
		       const struct change *change, struct err *err) NODISCARD;
/* Whether this machine can bind the address: if not, worth a warning where the node runs here. */
bool source_is_bindable(struct str address);

#endif
