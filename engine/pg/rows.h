/* SPDX-License-Identifier: MIT */
/*
 * Rows a statement returned, read in place from PostgreSQL's binary format.
 *
 * Columns are counted from 0 in the order of the statement; the accessor must fit the column's type
 * (must() otherwise: statement and reader are written together). Slices live as long as the rows:
 * in an asynchronous reply until the callback returns, else until pg_rows_free.
 */
#ifndef EDM_ENGINE_PG_ROWS_H
#define EDM_ENGINE_PG_ROWS_H

#include "engine/pg/params.h"

struct pg_rows;

/* An array value being walked. */
struct pg_items {
	const unsigned char *at;  /* next element */
	const unsigned char *end; /* of the value */
	size_t count;		  /* elements left */
	unsigned type;		  /* oid of the elements */
};

/* 0 for NULL rows. */
int pg_rows_count(const struct pg_rows *rows);
/* Only for rows returned by pg_run; NULL is fine. */
void pg_rows_free(struct pg_rows *rows);

bool pg_is_null(const struct pg_rows *rows, int row, int col);
/* A column of int2, int4 or int8. NULL reads as 0. */
int64_t pg_int(const struct pg_rows *rows, int row, int col);
/* The same, known to fit; must() otherwise. */
int32_t pg_int32(const struct pg_rows *rows, int row, int col);
bool pg_bool(const struct pg_rows *rows, int row, int col);
/* text, varchar, name, char(n), json, jsonb (as its JSON text). NULL reads as empty. */
struct str pg_text(const struct pg_rows *rows, int row, int col);
struct str pg_bytes(const struct pg_rows *rows, int row, int col);
void pg_uuid(const struct pg_rows *rows, int row, int col, unsigned char out[16]);
/* timestamptz in microseconds since 1970-01-01 UTC; ±infinity is INT64_MAX, INT64_MIN; NULL 0. */
int64_t pg_time(const struct pg_rows *rows, int row, int col);
struct pg_bits pg_bits(const struct pg_rows *rows, int row, int col);

/* A column that is a one-dimensional array; NULL reads as empty. */
struct pg_items pg_items(const struct pg_rows *rows, int row, int col);
/* The next element, false at the end. NULL elements read as 0 and empty. */
bool pg_next_int(struct pg_items *items, int64_t *out);
bool pg_next_text(struct pg_items *items, struct str *out);

#endif
