/* SPDX-License-Identifier: MIT */
/* Blocking connections; see blocking.h. */
#include "engine/pg/blocking.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "engine/base/crash.h"
#include "engine/base/hash.h"
#include "engine/base/map.h"
#include "engine/pg/pg_private.h"

struct prepared {
	struct map_node node; /* pg_blocking.prepared, by hash of the name */
};

struct pg_blocking *pg_open_blocking(const char *url, const char *name, struct err *err)
{
	static const char *const keys[] = {"dbname", "application_name", "client_encoding",
					   "connect_timeout", NULL};
	const char *values[] = {url, name, "UTF8", "10", NULL};
	struct pg_blocking *conn = xcalloc(1, sizeof(*conn));
	map_init(&conn->prepared);
	conn->conn = PQconnectdbParams(keys, values, 1);
	must(conn->conn != NULL);
	if (PQstatus(conn->conn) != CONNECTION_OK) {
		pg_conn_err(err, conn->conn, "cannot connect to the database");
		pg_close_blocking(conn);
		return NULL;
	}
	PQsetNoticeReceiver(conn->conn, pg_ignore_notice, NULL);
	if (pg_run_text(conn, PG_SETUP, err) != 0) {
		pg_close_blocking(conn);
		return NULL;
	}
	return conn;
}

void pg_close_blocking(struct pg_blocking *conn)
{
	if (conn == NULL)
		return;
	struct map_node *node = map_next(&conn->prepared, NULL);
	while (node != NULL) {
		struct prepared *prepared = CONTAINER_OF(node, struct prepared, node);
		node = map_next(&conn->prepared, node);
		free(prepared);
	}
	map_done(&conn->prepared);
	PQfinish(conn->conn);
	free(conn);
}

/* Clears result; 0, or -1 and err when it is a failure. */
static int take_result(PGresult *result, const char *what, struct err *err)
{
	int rc = pg_is_good(result) ? 0 : pg_result_err(err, result, what);
	PQclear(result);
	return rc;
}

/* The same, but hands the rows over when they are wanted. */
static int take_rows(PGresult *result, const char *what, struct pg_rows **rows_out, struct err *err)
{
	if (rows_out == NULL || !pg_is_good(result))
		return take_result(result, what, err);
	struct pg_rows *rows = xcalloc(1, sizeof(*rows));
	rows->result = result;
	*rows_out = rows;
	return 0;
}

static int prepare(struct pg_blocking *conn, const char *name, const struct pg_wire *wire,
		   struct err *err)
{
	uint64_t hash = hash_str(str_from(name));
	if (map_get(&conn->prepared, hash, NULL, NULL) != NULL)
		return 0;
	PGresult *result =
		PQprepare(conn->conn, name, statement_text(name), wire->count, wire->types);
	if (take_result(result, name, err) != 0)
		return -1;
	struct prepared *prepared = xcalloc(1, sizeof(*prepared));
	map_put(&conn->prepared, &prepared->node, hash);
	return 0;
}

int pg_prepare_only(struct pg_blocking *conn, const char *name, struct err *err)
{
	struct pg_wire wire = {.count = 0};
	return prepare(conn, name, &wire, err);
}

int pg_run(struct pg_blocking *conn, const char *name, const struct pg_params *params,
	   struct pg_rows **rows_out, struct err *err)
{
	struct pg_wire wire;
	pg_wire_fill(&wire, params);
	if (prepare(conn, name, &wire, err) != 0)
		return -1;
	crash_point(CRASH_DATABASE_WRITE);
	PGresult *result = PQexecPrepared(conn->conn, name, wire.count, wire.values, wire.lengths,
					  wire.formats, 1);
	crash_point(CRASH_DATABASE_READ);
	return take_rows(result, name, rows_out, err);
}

int pg_query(struct pg_blocking *conn, const char *sql, const struct pg_params *params,
	     struct pg_rows **rows_out, struct err *err)
{
	struct pg_wire wire;
	pg_wire_fill(&wire, params);
	return take_rows(PQexecParams(conn->conn, sql, wire.count, wire.types, wire.values,
				      wire.lengths, wire.formats, 1),
			 "SQL", rows_out, err);
}

int pg_run_text(struct pg_blocking *conn, const char *sql, struct err *err)
{
	crash_point(CRASH_DATABASE_WRITE);
	PGresult *result = PQexec(conn->conn, sql);
	crash_point(CRASH_DATABASE_READ);
	return take_result(result, "SQL", err);
}

int pg_transaction(struct pg_blocking *conn, int (*body)(void *owner, struct err *err), void *owner,
		   struct err *err)
{
	if (pg_run_text(conn, "BEGIN", err) != 0)
		return -1;
	if (body(owner, err) != 0) {
		/* Should this fail, the connection is gone, and the transaction with it. */
		PQclear(PQexec(conn->conn, "ROLLBACK"));
		return -1;
	}
	return pg_run_text(conn, "COMMIT", err);
}

int pg_wait_notify(struct pg_blocking *conn, int timeout_ms, struct err *err)
{
	struct pollfd fd = {.fd = PQsocket(conn->conn), .events = POLLIN};
	for (int waited = 0; waited < 2; waited++) {
		PGnotify *notify = PQnotifies(conn->conn);
		if (notify != NULL) {
			PQfreemem(notify);
			return 1;
		}
		if (waited > 0)
			break;
		if (poll(&fd, 1, timeout_ms) < 0 && errno != EINTR)
			return err_errno(err, errno, "waiting for a notification");
		if (!PQconsumeInput(conn->conn))
			return pg_conn_err(err, conn->conn, "waiting for a notification");
	}
	return 0;
}
