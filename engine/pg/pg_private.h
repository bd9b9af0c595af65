/* SPDX-License-Identifier: MIT */
/* What the files of engine/pg share: the one place that knows libpq's types. */
#ifndef EDM_ENGINE_PG_PRIVATE_H
#define EDM_ENGINE_PG_PRIVATE_H

#include <libpq-fe.h>

#include "engine/base/err.h"
#include "engine/base/map.h"
#include "engine/pg/rows.h"

/* What every connection is set to before its first call. */
#define PG_SETUP                                                                                   \
	"SET search_path = edm, pg_catalog; SET timezone = 'UTC'; SET jit = off; "                 \
	"SET synchronous_commit = on; SET client_min_messages = warning; "                         \
	"SET default_transaction_isolation = 'read committed'"

/* A node's statements are short and all have their index, but are planned while tables are still
 * empty: a plan that then reads a table from end to end would be kept while it grows. */
#define PG_SETUP_NODE "SET enable_seqscan = off"

struct pg_blocking {
	PGconn *conn;
	struct map prepared; /* by hash of the name; see blocking.c */
};

struct pg_rows {
	PGresult *result;
};

/* Parameters as libpq wants them; points into p. */
struct pg_wire {
	const char *values[PG_PARAMS_MAX];
	int lengths[PG_PARAMS_MAX];
	int formats[PG_PARAMS_MAX];
	Oid types[PG_PARAMS_MAX];
	int count;
};

void pg_wire_fill(struct pg_wire *w, const struct pg_params *p);
/* A notice receiver: the server's warnings have no reader here. */
void pg_ignore_notice(void *owner, const PGresult *result);
bool pg_is_good(const PGresult *result);
/* Fills err from a failed result, SQLSTATE in code (pg_sqlstate_pack); returns -1. Aborts when it
 * failed for want of memory here. */
int pg_result_err(struct err *err, const PGresult *result, const char *what);
/* Fills err from the connection's last message; returns -1. */
int pg_conn_err(struct err *err, const PGconn *conn, const char *what);

#endif
