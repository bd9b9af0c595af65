/* SPDX-License-Identifier: MIT */
/*
 * A PostgreSQL of our own, for those who name no database: made on first use, reachable only
 * through a Unix socket, started when needed, stopped by `edm down`.
 *
 * It stands in data_dir/postgres (data/, run/ with the socket, log). PostgreSQL refuses to be root
 * and cannot live below a 0700 directory of root's, so for root it stands in /var/lib/edm/<id>,
 * owned by an unprivileged user, and data_dir/postgres is a link. Starts are serialised by a lock
 * file. Blocking; for the command line, for start-up, and for a thread of a node's pool.
 */
#ifndef EDM_SCHEDULER_SETUP_PRIVATE_PG_H
#define EDM_SCHEDULER_SETUP_PRIVATE_PG_H

#include <stdbool.h>

#include "engine/base/buf.h"
#include "engine/base/err.h"

/* Appends the URL of the private database of this data directory; starts nothing. */
void private_pg_url(const char *data_dir, struct buf *out);
bool private_pg_exists(const char *data_dir);
/* Runs afterwards. create: make it when it is not there, else that is ERR_NOT_FOUND. */
int private_pg_start(const char *data_dir, bool create, struct err *err) NODISCARD;
/* Stopped afterwards; fine if it was not running. purge removes it with all its data. */
int private_pg_stop(const char *data_dir, bool purge, struct err *err) NODISCARD;

#endif
