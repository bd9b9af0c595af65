/* SPDX-License-Identifier: MIT */
/*
 * The settings in force for one invocation: defaults, shared rows of the database, edm.conf, --set,
 * each over those before it.
 */
#ifndef EDM_SCHEDULER_SETUP_CONFIGURE_H
#define EDM_SCHEDULER_SETUP_CONFIGURE_H

#include "engine/base/conf.h"
#include "engine/pg/blocking.h"
#include "scheduler/setup/place.h"

struct configure_options {
	const struct place *place;
	const char
		*config_path; /* --config; NULL = edm.conf in the data directory, if it is there */
	const char *const *sets; /* "key=value" of --set, in order */
	size_t set_count;
	struct pg_blocking *db; /* for the shared rows; NULL = leave them out */
};

/* A complete snapshot (one reference, the caller's), checked as a whole; NULL and err otherwise. A
 * shared row with a key or value this engine does not know is logged and left out: a newer engine
 * may have written it. Blocking: for the command line and the start of a node. */
struct conf *configure_load(const struct configure_options *options, struct err *err);

/* The same in its parts, for a node that runs and must not wait. */
#define CONFIGURE_SHARED "setup/settings" /* the statement that reads the shared rows */
/* Appends the text of the file; nothing when there is none and none was named. Any thread. */
int configure_read_file(const struct configure_options *options, struct buf *out,
			struct err *err) NODISCARD;
/* The snapshot of these texts; shared may be NULL. */
struct conf *configure_make(const struct configure_options *options, struct str file,
			    const struct pg_rows *shared, struct err *err);

#endif
