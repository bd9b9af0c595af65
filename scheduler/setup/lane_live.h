/* SPDX-License-Identifier: MIT */
/* What a running node says of one of its lanes, from its row of node_live. Blocking. */
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

#endif
