/* SPDX-License-Identifier: MIT */
/*
 * A pool is a label on sources. A campaign names a pool; no name means the pool "default".
 * Borrowed rows of a snapshot; any thread.
 */
#ifndef EDM_IP_POOL_POOL_H
#define EDM_IP_POOL_POOL_H

#include "ip-pool/source.h"

#define POOL_DEFAULT "default"

/* Fills sources_out (room for count) with the usable sources of a pool on a node; returns how many.
 * An empty pool name is POOL_DEFAULT; an empty node name means any node. */
size_t pool_sources(const struct source *sources, size_t count, struct str pool, struct str node,
		    const struct source **sources_out);
/* True if a pool of that name has any source that is not removed. */
bool pool_exists(const struct source *sources, size_t count, struct str pool);

#endif
