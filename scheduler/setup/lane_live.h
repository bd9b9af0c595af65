/* SPDX-License-Identifier: MIT */
/* What running nodes say of a lane (from node_live) and have of limits over all nodes. Blocking. */
#ifndef EDM_SCHEDULER_SETUP_LANE_LIVE_H
#define EDM_SCHEDULER_SETUP_LANE_LIVE_H

#include <jansson.h>

#include "engine/pg/blocking.h"

/*
 * {"node": its name, "age_ms": how old the row is, "lane": the lane as the node shows it}, a new
 * reference; or *out NULL when no node shows the lane. target: provider or site.
 */
int lane_live_read(struct pg_blocking *db, struct str source, struct str target, json_t **out,
		   struct err *err) NODISCARD;
/*
 * What nodes that are alive have of the limits over all nodes at this provider or site, a new
 * array: [{"scope", "kind", "per" (null for connections), "limit", "node", "share", "origin":
 * "slice", "left_ms"}].
 */
int lane_shares_read(struct pg_blocking *db, struct str target, json_t **out,
		     struct err *err) NODISCARD;

#endif
