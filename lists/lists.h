/* SPDX-License-Identifier: MIT */
/*
 * Lists by name, and the few things every verb about people needs from the database: the key that
 * makes rids, and a line in the history. Blocking; for the command line.
 */
#ifndef EDM_LISTS_LISTS_H
#define EDM_LISTS_LISTS_H

#include "engine/base/hash.h"
#include "engine/pg/blocking.h"

#define LISTS_NAME_MAX 100 /* bytes */

/* Who does something, and why: for table event. because may be NULL. */
struct lists_actor {
	const char *actor;
	const char *because;
};

/* A list's name is 1 to LISTS_NAME_MAX bytes of UTF-8 without control characters that begins with
 * neither a blank nor '-'. USAGE otherwise. */
int lists_check_name(const char *name, struct err *err) NODISCARD;
/* The id of the list called name; NOT_FOUND. */
int lists_find(struct pg_blocking *db, const char *name, int32_t *id_out,
	       struct err *err) NODISCARD;
/* The installation's key; NOT_FOUND when `edm init` was not run. */
int lists_load_key(struct pg_blocking *db, struct hash_key *key_out, struct err *err) NODISCARD;

/* How many of what: "added". The name is that of a key of JSON and is not escaped. */
struct lists_count {
	const char *name;
	uint64_t n;
};

/* What was done: verb "list import", object "list:NAME", and how many of what. */
struct lists_event {
	const struct lists_actor *actor;
	const char *verb;
	struct str object;
	const struct lists_count *counts;
	size_t count;
};
int lists_add_event(struct pg_blocking *db, const struct lists_event *event,
		    struct err *err) NODISCARD;

/* Removes the list called name with its memberships (people, suppressions and what campaigns say of
 * the list stay). *members_out: how many members. REFUSED when a campaign that is scheduled,
 * running or paused goes to it or excludes it. */
int lists_remove(struct pg_blocking *db, const char *name, const struct lists_actor *actor,
		 uint64_t *members_out, struct err *err) NODISCARD;

#endif
