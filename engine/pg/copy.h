/* SPDX-License-Identifier: MIT */
/*
 * COPY … FROM STDIN in binary format on a blocking connection, row by row: constant memory, the
 * server's pace. The statement is one of schemas/queries ("COPY staging (a, b) FROM STDIN (FORMAT
 * binary)"). One thread.
 *
 *	copy = pg_copy_start(conn, "lists/copy_staging", &err);
 *	for each row:
 *		pg_copy_row(copy, 2);
 *		pg_copy_int8(copy, rid);
 *		pg_copy_text(copy, address);
 *	pg_copy_end(copy, &rows, &err);
 */
#ifndef EDM_ENGINE_PG_COPY_H
#define EDM_ENGINE_PG_COPY_H

#include "engine/pg/blocking.h"

struct pg_copy;

/* NULL and err on refusal. Until pg_copy_end nothing else may be run on the connection. */
struct pg_copy *pg_copy_start(struct pg_blocking *conn, const char *name, struct err *err);
/* The same with the COPY given as text, which must outlive the copy. */
struct pg_copy *pg_copy_start_text(struct pg_blocking *conn, const char *sql, struct err *err);
/* Starts a row; exactly columns values must follow. */
void pg_copy_row(struct pg_copy *copy, int columns);
void pg_copy_int8(struct pg_copy *copy, int64_t v);
void pg_copy_text(struct pg_copy *copy, struct str v);	/* text, bytea, json */
void pg_copy_jsonb(struct pg_copy *copy, struct str v); /* JSON text */
void pg_copy_time(struct pg_copy *copy, int64_t us);	/* microseconds since 1970, UTC */
/* Ends the COPY and frees it. A failure of any row or of the connection since the start shows
 * here. */
int pg_copy_end(struct pg_copy *copy, int64_t *rows_out, struct err *err) NODISCARD;
/* Gives up: the server discards the rows. NULL is fine. */
void pg_copy_abort(struct pg_copy *copy);

#endif
