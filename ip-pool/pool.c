/* SPDX-License-Identifier: MIT */
/* Pools: labels on sources. Pure. */
#include "ip-pool/pool.h"

static struct str pool_name(struct str pool)
{
	return str_is_empty(pool) ? STR(POOL_DEFAULT) : pool;
}

size_t pool_sources(const struct source *sources, size_t count, struct str pool, struct str node,
		    const struct source **sources_out)
{
	size_t n = 0;
	for (size_t i = 0; i < count; i++)
		if (str_equals(pool_name(sources[i].pool), pool_name(pool)) &&
		    source_is_usable(&sources[i], node))
			sources_out[n++] = &sources[i];
	return n;
}

bool pool_exists(const struct source *sources, size_t count, struct str pool)
{
	for (size_t i = 0; i < count; i++)
		if (str_equals(pool_name(sources[i].pool), pool_name(pool)) &&
		    sources[i].state != SOURCE_REMOVED)
			return true;
	return false;
}
