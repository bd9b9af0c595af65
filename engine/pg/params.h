/* SPDX-License-Identifier: MIT */
/*
 * Parameters of a statement and arrays, in PostgreSQL's binary format.
 *
 * A parameter carries its type, so that a statement is prepared with exactly the types the program
 * sends: a mismatch is an error of the first call, not garbage in a table. Values are copied in.
 * Parameters stay the caller's; pg_call and pg_run only read them, so the same ones may be sent
 * again unchanged. Any thread; pure.
 *
 *	struct pg_params p;
 *	pg_params_init(&p);
 *	pg_add_int4(&p, node);
 *	pg_add_text(&p, STR("mx1"));
 *	...
 *	pg_params_done(&p);
 */
#ifndef EDM_ENGINE_PG_PARAMS_H
#define EDM_ENGINE_PG_PARAMS_H

#include "engine/base/buf.h"

#define PG_PARAMS_MAX 64
/* No message to the server is larger: 64 MiB. */
#define PG_BYTES_MAX (64u << 20)

/* Types the program speaks; the numbers are PostgreSQL's type oids. */
enum pg_type {
	PG_BOOL = 16,
	PG_BYTEA = 17,
	PG_INT8 = 20,
	PG_INT2 = 21,
	PG_INT4 = 23,
	PG_TEXT = 25,
	PG_TIME = 1184, /* timestamptz */
	PG_BITS = 1562, /* varbit */
	PG_UUID = 2950,
};

/* A bit string: bit i is byte i / 8, mask 0x80 >> i % 8, as get_bit() counts. */
struct pg_bits {
	const unsigned char *bytes; /* (count + 7) / 8 of them */
	size_t count;
};

struct pg_param {
	unsigned type;	/* oid */
	size_t offset;	/* of the value in bytes */
	ptrdiff_t size; /* -1 = NULL */
};

struct pg_params {
	struct buf bytes;
	struct pg_param items[PG_PARAMS_MAX];
	int count;
};

/* A one-dimensional array under construction. */
struct pg_array {
	struct buf bytes;  /* header, then (length, value) pairs */
	enum pg_type type; /* of the elements */
	unsigned count;	   /* elements */
	bool has_null;
};

void pg_params_init(struct pg_params *p);
void pg_params_done(struct pg_params *p);
/* Empties them; keeps the memory. */
void pg_params_clear(struct pg_params *p);

/* Appends the next parameter ($1, $2, …). */
void pg_add_bool(struct pg_params *p, bool v);
void pg_add_int2(struct pg_params *p, int16_t v);
void pg_add_int4(struct pg_params *p, int32_t v);
void pg_add_int8(struct pg_params *p, int64_t v);
void pg_add_text(struct pg_params *p, struct str v); /* must be UTF-8 without NUL */
void pg_add_bytea(struct pg_params *p, struct str v);
void pg_add_uuid(struct pg_params *p, const unsigned char v[16]);
/* Microseconds since 1970-01-01 UTC; INT64_MAX and INT64_MIN are ±infinity. */
void pg_add_time(struct pg_params *p, int64_t us);
void pg_add_bits(struct pg_params *p, struct pg_bits v);
/* A NULL of this type. */
void pg_add_null(struct pg_params *p, enum pg_type type);
/* The array as it stands; it may be cleared and filled again afterwards. */
void pg_add_array(struct pg_params *p, struct pg_array *a);
/* A NULL instead of an array of this element type. */
void pg_add_null_array(struct pg_params *p, enum pg_type type);

void pg_array_init(struct pg_array *a, enum pg_type type);
void pg_array_done(struct pg_array *a);
void pg_array_clear(struct pg_array *a);
/* Appends an element; the array's type must be the one named (int: PG_INT2, PG_INT4 or PG_INT8,
 * and v must fit). */
void pg_array_int(struct pg_array *a, int64_t v);
void pg_array_bool(struct pg_array *a, bool v);
void pg_array_text(struct pg_array *a, struct str v); /* PG_TEXT or PG_BYTEA */
void pg_array_time(struct pg_array *a, int64_t us);
void pg_array_bits(struct pg_array *a, struct pg_bits v);
void pg_array_null(struct pg_array *a);

#endif
