/* SPDX-License-Identifier: MIT */
/*
 * Where things are: the data directory and the database of this invocation.
 *
 * Database: --database, else EDM_DATABASE_URL ("postgresql://" alone means libpq's own variables),
 * else the private one in the data directory (private_pg.h). Data directory: --data, else EDM_DATA,
 * else $XDG_DATA_HOME/edm, else ~/.local/share/edm. Blocking; for the command line and for
 * start-up.
 */
#ifndef EDM_SCHEDULER_SETUP_PLACE_H
#define EDM_SCHEDULER_SETUP_PLACE_H

#include <stdbool.h>

#include "engine/base/err.h"

struct place {
	char *data_dir;	    /* absolute, created 0700 when first needed */
	char *database_url; /* for libpq; of the private one its socket directory */
	char *shown;	    /* the database in words for people: no password in it */
	bool is_private;
};

/* Fills *out from the options (NULL = not given) and the environment. Starts nothing. */
int place_find(const char *database, const char *data, struct place *out,
	       struct err *err) NODISCARD;
void place_done(struct place *p);
/* Makes the data directory if it is not there. ERR_USAGE when something else has its name. */
int place_make_data_dir(const struct place *p, struct err *err) NODISCARD;
/* ERR_USAGE when the data directory is none; ERR_SYSTEM when this user may not look into it: what
 * is in there is not known. */
int place_check_access(const struct place *p, struct err *err) NODISCARD;
/* The private database runs afterwards: it is made (create) and started when needed; without create
 * a missing one is ERR_NOT_FOUND ("run edm init"). Nothing for any other database. */
int place_start_database(const struct place *p, bool create, struct err *err) NODISCARD;

#endif
