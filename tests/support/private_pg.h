/* SPDX-License-Identifier: MIT */
/*
 * A PostgreSQL cluster of the test's own: real, on a Unix socket only, with fsync on, in a
 * temporary directory. The migrations of schemas/ are applied once to a template; each test clones
 * it.
 *
 * As root the server runs as an unprivileged user (it refuses to be root). It dies with the test
 * program, whatever kills that. Everything here aborts the test when it fails.
 */
#ifndef EDM_TESTS_SUPPORT_PRIVATE_PG_H
#define EDM_TESTS_SUPPORT_PRIVATE_PG_H

#include <stdbool.h>

struct private_pg;

/* Makes and starts a cluster, with the migrated template. */
struct private_pg *private_pg_start(void);
/* Stops it and removes its directory. */
void private_pg_stop(struct private_pg *pg);
/* Creates a database: a clone of the migrated template, or an empty one. Returns its URL, which
 * lives until the next call. */
const char *private_pg_database(struct private_pg *pg, bool migrated);
/* Stops the server at once (kill −9 of every backend, as in a crash) and starts it again. */
void private_pg_crash(struct private_pg *pg);
/* The server's process stops (SIGSTOP) or goes on: new connections and replies of the postmaster
 * hang. */
void private_pg_freeze(struct private_pg *pg, bool frozen);
/* CPU seconds all processes of the server have used so far, those that ended included. */
double private_pg_cpu_s(const struct private_pg *pg);

#endif
