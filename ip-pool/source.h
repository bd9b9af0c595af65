/* SPDX-License-Identifier: MIT */
/*
 * A source: a local address we send from, with the name it says in EHLO and the address the world
 * sees. Immutable rows of a snapshot; any thread.
 */
#ifndef EDM_IP_POOL_SOURCE_H
#define EDM_IP_POOL_SOURCE_H

#include "engine/base/err.h"
#include "engine/base/ip.h"
#include "engine/base/str.h"

/*
 * X(suffix, number in the database, name)
 *   active    takes new work
 *   draining  finishes what was given to it, takes nothing new
 *   removed   kept for the reports only
 * Pausing is no state of a source: it is a row of table pause.
 */
#define SOURCE_STATES(X)                                                                           \
	X(ACTIVE, 1, "active")                                                                     \
	X(DRAINING, 2, "draining")                                                                 \
	X(REMOVED, 3, "removed")

#define X(suffix, number, name) SOURCE_##suffix = number,
enum source_state { SOURCE_STATES(X) };
#undef X

#define SOURCE_WEIGHT_MAX 1000

struct source {
	uint32_t id; /* > 0 */
	struct str name;
	struct str address;	   /* to bind; text */
	struct str ehlo;	   /* host name for EHLO */
	struct str public_address; /* what the world sees; the local one unless stated */
	struct str pool;
	struct str node; /* empty: whichever node has the address */
	int weight;	 /* 1 … SOURCE_WEIGHT_MAX */
	enum source_state state;
};

const char *source_state_name(enum source_state state);
/* An IPv4 or IPv6 literal, with port 0, for bind(); -1 if it is none. */
int source_parse_address(struct str text, struct sockaddr_storage *out) NODISCARD;
/* A name as used in lanes and options: a–z 0–9 and "-", 1 to 63, starting with a letter or digit.
 */
bool source_name_is_valid(struct str name);
/* Checks the fields an operator gives; -1 with a sentence (ERR_USAGE). */
int source_check(const struct source *s, struct err *err) NODISCARD;
/* May new work be given to it on this node? (node empty: any) */
bool source_is_usable(const struct source *s, struct str node);

#endif
