/* SPDX-License-Identifier: MIT */
/* COPY FROM STDIN on a blocking connection; see copy.h. PQputCopyData blocks when the socket is
 * full, which is the back-pressure. */
#include "engine/pg/copy.h"

#include <stdlib.h>

#include "engine/pg/pg_private.h"

/* Data is handed to libpq in pieces of this size. */
#define COPY_PIECE (64u << 10)
#define COPY_SIGNATURE "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0"
#define SIGNATURE_SIZE 19u
/* 2000-01-01 UTC in microseconds since 1970: the origin of timestamptz. */
#define EPOCH_US (INT64_C(946684800) * 1000000)

struct pg_copy {
	struct pg_blocking *conn;
	struct buf out;
	int columns_owed; /* of the present row */
	bool is_broken;	  /* libpq refused data; PQgetResult tells why at the end */
	const char *name;
};

struct pg_copy *pg_copy_start(struct pg_blocking *conn, const char *name, struct err *err)
{
	struct pg_copy *copy = pg_copy_start_text(conn, statement_text(name), err);
	if (copy == NULL)
		err_prefix(err, "%s", name);
	else
		copy->name = name;
	return copy;
}

struct pg_copy *pg_copy_start_text(struct pg_blocking *conn, const char *sql, struct err *err)
{
	PGresult *result = PQexec(conn->conn, sql);
	if (PQresultStatus(result) != PGRES_COPY_IN) {
		pg_result_err(err, result, "COPY");
		PQclear(result);
		return NULL;
	}
	PQclear(result);
	struct pg_copy *copy = xcalloc(1, sizeof(*copy));
	copy->conn = conn;
	copy->name = "COPY";
	buf_init(&copy->out, PG_BYTES_MAX);
	buf_append(&copy->out, COPY_SIGNATURE, SIGNATURE_SIZE);
	return copy;
}

static void copy_push(struct pg_copy *copy)
{
	must(!copy->out.is_truncated);
	if (!copy->is_broken &&
	    PQputCopyData(copy->conn->conn, copy->out.data, (int)copy->out.len) != 1)
		copy->is_broken = true;
	buf_clear(&copy->out);
}

void pg_copy_row(struct pg_copy *copy, int columns)
{
	must(copy->columns_owed == 0 && columns > 0 && columns < INT16_MAX);
	if (copy->out.len >= COPY_PIECE)
		copy_push(copy);
	copy->columns_owed = columns;
	buf_append_be16(&copy->out, (uint16_t)columns);
}

static void copy_value(struct pg_copy *copy, size_t size)
{
	must(copy->columns_owed > 0);
	copy->columns_owed--;
	buf_append_be32(&copy->out, (uint32_t)size);
}

void pg_copy_int8(struct pg_copy *copy, int64_t v)
{
	copy_value(copy, 8);
	buf_append_be64(&copy->out, (uint64_t)v);
}

void pg_copy_text(struct pg_copy *copy, struct str v)
{
	copy_value(copy, v.len);
	buf_append_str(&copy->out, v);
}

void pg_copy_jsonb(struct pg_copy *copy, struct str v)
{
	copy_value(copy, v.len + 1);
	buf_append_u8(&copy->out, 1); /* version of the format */
	buf_append_str(&copy->out, v);
}

void pg_copy_time(struct pg_copy *copy, int64_t us)
{
	copy_value(copy, 8);
	buf_append_be64(&copy->out, (uint64_t)(us - EPOCH_US));
}

/* Reads what the server made of the COPY. */
static int copy_finish(struct pg_copy *copy, int64_t *rows_out, struct err *err)
{
	int rc = -1;
	PGresult *result;
	err_set(err, ERR_DATABASE, "%s: the connection broke", copy->name);
	while ((result = PQgetResult(copy->conn->conn)) != NULL) {
		if (!pg_is_good(result)) {
			pg_result_err(err, result, copy->name);
			rc = -1;
		} else {
			int64_t rows = 0;
			rc = str_to_i64(str_from(PQcmdTuples(result)), &rows);
			if (rows_out != NULL)
				*rows_out = rows;
		}
		PQclear(result);
	}
	buf_done(&copy->out);
	free(copy);
	return rc;
}

int pg_copy_end(struct pg_copy *copy, int64_t *rows_out, struct err *err)
{
	must(copy->columns_owed == 0);
	buf_append_be16(&copy->out, UINT16_MAX); /* trailer */
	copy_push(copy);
	PQputCopyEnd(copy->conn->conn, copy->is_broken ? "broken" : NULL);
	int rc = copy_finish(copy, rows_out, err);
	if (rc == 0)
		err_clear(err);
	return rc;
}

void pg_copy_abort(struct pg_copy *copy)
{
	if (copy == NULL)
		return;
	struct err err;
	PQputCopyEnd(copy->conn->conn, "given up");
	/* That it "failed" is what was asked for. */
	int rc = copy_finish(copy, NULL, &err);
	(void)rc;
}
