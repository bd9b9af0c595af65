/* SPDX-License-Identifier: MIT */
/*
 * Pauses: the rows of table pause, made by operators, rules, health and brakes.
 *
 * A pause names what it stops: everything, a provider (or tail site), a source, a lane (both), or a
 * campaign. Times are monotonic milliseconds. Immutable rows; any thread.
 */
#ifndef EDM_IP_POOL_PAUSE_H
#define EDM_IP_POOL_PAUSE_H

#include "ip-pool/limit.h"

/* Who made a pause. X(suffix, number in the database, name) */
#define PAUSE_ORIGINS(X)                                                                           \
	X(OPERATOR, 1, "operator")                                                                 \
	X(RULE, 2, "reply rule")                                                                   \
	X(HEALTH, 3, "health")                                                                     \
	X(BRAKE, 4, "brake")

#define X(suffix, number, name) PAUSE_##suffix = number,
enum pause_origin { PAUSE_ORIGINS(X) };
#undef X

struct pause {
	int64_t id;
	enum pause_origin origin;
	struct str provider; /* name or site; empty = any */
	struct str source;   /* empty = any */
	int64_t campaign;    /* 0 = any */
	struct str who, because;
	int64_t since_us; /* database time */
	int64_t until_ms; /* LIMIT_FOREVER: until resumed */
};

const char *pause_origin_name(enum pause_origin origin);
/* True if it stops this lane for everybody: not one for a single campaign. */
bool pause_stops_lane(const struct pause *p, const struct limit_scope *lane);
/* Of the pauses in force at now that stop this lane the one that ends last; NULL = none. */
const struct pause *pause_of_lane(const struct pause *pauses, size_t count,
				  const struct limit_scope *lane, int64_t now);
/* Likewise for one campaign on this lane; lane NULL: only pauses of the campaign everywhere. */
const struct pause *pause_of_campaign(const struct pause *pauses, size_t count, int64_t campaign,
				      const struct limit_scope *lane, int64_t now);

#endif
