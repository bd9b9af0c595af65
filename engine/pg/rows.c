/* SPDX-License-Identifier: MIT */
/* Reading binary results; see rows.h. */
#include "engine/pg/rows.h"

#include <stdlib.h>
#include <string.h>

#include "engine/pg/pg_private.h"

#define EPOCH_US (INT64_C(946684800) * 1000000)
#define OID_JSONB 3802u
#define OID_FLOAT8 701u

static uint16_t read_be16(const void *ptr)
{
	uint16_t v;
	memcpy(&v, ptr, sizeof(v));
	return __builtin_bswap16(v);
}

static uint32_t read_be32(const void *ptr)
{
	uint32_t v;
	memcpy(&v, ptr, sizeof(v));
	return __builtin_bswap32(v);
}

static uint64_t read_be64(const void *ptr)
{
	uint64_t v;
	memcpy(&v, ptr, sizeof(v));
	return __builtin_bswap64(v);
}

int pg_rows_count(const struct pg_rows *rows)
{
	return rows == NULL || rows->result == NULL ? 0 : PQntuples(rows->result);
}

void pg_rows_free(struct pg_rows *rows)
{
	if (rows == NULL)
		return;
	PQclear(rows->result);
	free(rows);
}

bool pg_is_null(const struct pg_rows *rows, int row, int col)
{
	must(row < PQntuples(rows->result) && col < PQnfields(rows->result));
	return PQgetisnull(rows->result, row, col);
}

/* The bytes of a value; empty for NULL. */
static struct str value(const struct pg_rows *rows, int row, int col)
{
	if (pg_is_null(rows, row, col))
		return STR("");
	return str_of(PQgetvalue(rows->result, row, col),
		      (size_t)PQgetlength(rows->result, row, col));
}

static int64_t read_int(struct str v)
{
	switch (v.len) {
	case 0:
		return 0;
	case 2:
		return (int16_t)read_be16(v.ptr);
	case 4:
		return (int32_t)read_be32(v.ptr);
	default:
		must(v.len == 8);
		return (int64_t)read_be64(v.ptr);
	}
}

static bool is_int(unsigned type)
{
	return type == PG_INT2 || type == PG_INT4 || type == PG_INT8;
}

int64_t pg_int(const struct pg_rows *rows, int row, int col)
{
	must(is_int(PQftype(rows->result, col)));
	return read_int(value(rows, row, col));
}

int32_t pg_int32(const struct pg_rows *rows, int row, int col)
{
	int64_t v = pg_int(rows, row, col);
	must(v >= INT32_MIN && v <= INT32_MAX);
	return (int32_t)v;
}

bool pg_bool(const struct pg_rows *rows, int row, int col)
{
	must(PQftype(rows->result, col) == PG_BOOL);
	struct str v = value(rows, row, col);
	return v.len == 1 && v.ptr[0] != 0;
}

struct str pg_text(const struct pg_rows *rows, int row, int col)
{
	unsigned type = PQftype(rows->result, col);
	must(!is_int(type) && type != PG_BOOL && type != PG_TIME && type != PG_BYTEA);
	struct str v = value(rows, row, col);
	/* jsonb on the wire: a version byte, then the text. */
	return type == OID_JSONB && v.len > 0 ? str_slice(v, 1, v.len) : v;
}

struct str pg_bytes(const struct pg_rows *rows, int row, int col)
{
	must(PQftype(rows->result, col) == PG_BYTEA);
	return value(rows, row, col);
}

void pg_uuid(const struct pg_rows *rows, int row, int col, unsigned char out[16])
{
	must(PQftype(rows->result, col) == PG_UUID);
	struct str v = value(rows, row, col);
	memset(out, 0, 16);
	memcpy(out, v.ptr, v.len);
}

int64_t pg_time(const struct pg_rows *rows, int row, int col)
{
	must(PQftype(rows->result, col) == PG_TIME);
	struct str v = value(rows, row, col);
	if (v.len == 0)
		return 0;
	int64_t us = (int64_t)read_be64(v.ptr);
	return us == INT64_MAX || us == INT64_MIN ? us : us + EPOCH_US;
}

struct pg_bits pg_bits(const struct pg_rows *rows, int row, int col)
{
	must(PQftype(rows->result, col) == PG_BITS);
	struct str v = value(rows, row, col);
	if (v.len == 0)
		return (struct pg_bits){NULL, 0};
	return (struct pg_bits){(const unsigned char *)v.ptr + 4, read_be32(v.ptr)};
}

struct pg_items pg_items(const struct pg_rows *rows, int row, int col)
{
	struct str v = value(rows, row, col);
	const unsigned char *at = (const unsigned char *)v.ptr;
	if (v.len < 20 || read_be32(at) == 0)
		return (struct pg_items){0};
	must(read_be32(at) == 1);
	return (struct pg_items){.at = at + 20,
				 .end = at + v.len,
				 .count = read_be32(at + 12),
				 .type = read_be32(at + 8)};
}

/* The bytes of the next element; empty for NULL. */
static bool next_item(struct pg_items *items, struct str *out)
{
	if (items->count == 0)
		return false;
	must(items->end - items->at >= 4);
	uint32_t len = read_be32(items->at);
	items->at += 4;
	items->count--;
	if (len == UINT32_MAX)
		len = 0;
	must((size_t)(items->end - items->at) >= len);
	*out = str_of((const char *)items->at, len);
	items->at += len;
	return true;
}

bool pg_next_int(struct pg_items *items, int64_t *out)
{
	struct str v;
	if (!next_item(items, &v))
		return false;
	must(is_int(items->type));
	*out = read_int(v);
	return true;
}

bool pg_next_text(struct pg_items *items, struct str *out)
{
	must(items->count == 0 || !is_int(items->type));
	return next_item(items, out);
}
