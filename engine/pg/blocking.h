/* SPDX-License-Identifier: MIT */
/*
 * A blocking connection to PostgreSQL, for the command line and for tests: verbs are sequential.
 * Never on a node's threads. Statements are named and prepared as on the asynchronous one.
 *
 * Errors: ERR_DATABASE with the server's words; code holds the SQLSTATE (pg_err_is). A connection
 * that broke stays broken: open another.
 */
#ifndef EDM_ENGINE_PG_BLOCKING_H
#define EDM_ENGINE_PG_BLOCKING_H

#include "engine/base/err.h"
#include "engine/pg/params.h"
#include "engine/pg/rows.h"
#include "engine/pg/statement.h"

struct pg_blocking;

/* name is the application_name. NULL and err when it cannot connect. */
struct pg_blocking *pg_open_blocking(const char *url, const char *name, struct err *err);
void pg_close_blocking(struct pg_blocking *conn);

/* Executes the statement called name. params NULL = none. rows_out NULL = rows are not wanted; else
 * the caller frees them with pg_rows_free. */
int pg_run(struct pg_blocking *conn, const char *name, const struct pg_params *params,
	   struct pg_rows **rows_out, struct err *err) NODISCARD;
/* Like pg_run for one statement given as text: for tests and `edm sql`; the program names its
 * statements. */
int pg_query(struct pg_blocking *conn, const char *sql, const struct pg_params *params,
	     struct pg_rows **rows_out, struct err *err) NODISCARD;
/* Executes SQL text, several statements at will: migrations, CREATE DATABASE. */
int pg_run_text(struct pg_blocking *conn, const char *sql, struct err *err) NODISCARD;

/* Runs body inside BEGIN … COMMIT; body returning -1 (with err filled) rolls back. Returns what
 * body returned, or -1 when the commit failed. Not to be nested. */
int pg_transaction(struct pg_blocking *conn, int (*body)(void *owner, struct err *err), void *owner,
		   struct err *err) NODISCARD;

/* Only prepares the statement called name: for the test that every one of them is sound. */
int pg_prepare_only(struct pg_blocking *conn, const char *name, struct err *err) NODISCARD;

/* LISTEN was run with pg_run_text: waits up to timeout_ms for a NOTIFY. 1 one came, 0 none, -1 the
 * connection is gone. */
int pg_wait_notify(struct pg_blocking *conn, int timeout_ms, struct err *err) NODISCARD;

#endif
