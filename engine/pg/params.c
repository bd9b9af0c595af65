/* SPDX-License-Identifier: MIT */
/* Binary parameters and arrays (the send/recv formats of PostgreSQL's types); see params.h. */
#include "engine/pg/params.h"

#include <string.h>

/* Array header: dimensions, has-null flag, element type, length, lower bound; 4 bytes each. */
#define HEADER_SIZE 20u
#define LENGTH_OFFSET 12u
#define NULL_OFFSET 4u
/* 2000-01-01 UTC in seconds since 1970: the origin of timestamptz. */
#define EPOCH_US (INT64_C(946684800) * 1000000)

void pg_params_init(struct pg_params *p)
{
	buf_init(&p->bytes, PG_BYTES_MAX);
	p->count = 0;
}

void pg_params_done(struct pg_params *p)
{
	buf_done(&p->bytes);
	p->count = 0;
}

void pg_params_clear(struct pg_params *p)
{
	buf_clear(&p->bytes);
	p->count = 0;
}

/* Opens the next parameter; what is appended until finish() is its value. */
static struct pg_param *start(struct pg_params *p, unsigned type)
{
	must(p->count < PG_PARAMS_MAX);
	struct pg_param *item = &p->items[p->count++];
	*item = (struct pg_param){.type = type, .offset = p->bytes.len, .size = -1};
	return item;
}

static void finish(struct pg_params *p, struct pg_param *item)
{
	must(!p->bytes.is_truncated);
	item->size = (ptrdiff_t)(p->bytes.len - item->offset);
}

static int64_t time_to_wire(int64_t us)
{
	return us == INT64_MAX || us == INT64_MIN ? us : us - EPOCH_US;
}

static void append_bits(struct buf *b, struct pg_bits v)
{
	buf_append_be32(b, (uint32_t)v.count);
	buf_append(b, v.bytes, (v.count + 7) / 8);
}

/* The oid of the array type over an element type. */
static unsigned array_oid(enum pg_type type)
{
	switch (type) {
	case PG_BOOL:
		return 1000;
	case PG_BYTEA:
		return 1001;
	case PG_INT8:
		return 1016;
	case PG_INT2:
		return 1005;
	case PG_INT4:
		return 1007;
	case PG_TEXT:
		return 1009;
	case PG_TIME:
		return 1185;
	case PG_BITS:
		return 1563;
	case PG_UUID:
		return 2951;
	}
	must(false && "a type of enum pg_type");
}

void pg_add_bool(struct pg_params *p, bool v)
{
	struct pg_param *item = start(p, PG_BOOL);
	buf_append_u8(&p->bytes, v);
	finish(p, item);
}

void pg_add_int2(struct pg_params *p, int16_t v)
{
	struct pg_param *item = start(p, PG_INT2);
	buf_append_be16(&p->bytes, (uint16_t)v);
	finish(p, item);
}

void pg_add_int4(struct pg_params *p, int32_t v)
{
	struct pg_param *item = start(p, PG_INT4);
	buf_append_be32(&p->bytes, (uint32_t)v);
	finish(p, item);
}

void pg_add_int8(struct pg_params *p, int64_t v)
{
	struct pg_param *item = start(p, PG_INT8);
	buf_append_be64(&p->bytes, (uint64_t)v);
	finish(p, item);
}

void pg_add_text(struct pg_params *p, struct str v)
{
	struct pg_param *item = start(p, PG_TEXT);
	buf_append_str(&p->bytes, v);
	finish(p, item);
}

void pg_add_bytea(struct pg_params *p, struct str v)
{
	struct pg_param *item = start(p, PG_BYTEA);
	buf_append_str(&p->bytes, v);
	finish(p, item);
}

void pg_add_uuid(struct pg_params *p, const unsigned char v[16])
{
	struct pg_param *item = start(p, PG_UUID);
	buf_append(&p->bytes, v, 16);
	finish(p, item);
}

void pg_add_time(struct pg_params *p, int64_t us)
{
	struct pg_param *item = start(p, PG_TIME);
	buf_append_be64(&p->bytes, (uint64_t)time_to_wire(us));
	finish(p, item);
}

void pg_add_bits(struct pg_params *p, struct pg_bits v)
{
	struct pg_param *item = start(p, PG_BITS);
	append_bits(&p->bytes, v);
	finish(p, item);
}

void pg_add_null(struct pg_params *p, enum pg_type type)
{
	start(p, type);
}

void pg_add_array(struct pg_params *p, struct pg_array *a)
{
	struct pg_param *item = start(p, array_oid(a->type));
	must(!a->bytes.is_truncated);
	if (a->count == 0) { /* an empty array has no dimension */
		buf_append_be32(&p->bytes, 0);
		buf_append_be32(&p->bytes, 0);
		buf_append_be32(&p->bytes, a->type);
	} else {
		size_t at = p->bytes.len;
		buf_append(&p->bytes, a->bytes.data, a->bytes.len);
		must(!p->bytes.is_truncated);
		uint32_t count = __builtin_bswap32(a->count);
		uint32_t has_null = __builtin_bswap32(a->has_null);
		memcpy(p->bytes.data + at + LENGTH_OFFSET, &count, sizeof(count));
		memcpy(p->bytes.data + at + NULL_OFFSET, &has_null, sizeof(has_null));
	}
	finish(p, item);
}

void pg_add_null_array(struct pg_params *p, enum pg_type type)
{
	start(p, array_oid(type));
}

void pg_array_init(struct pg_array *a, enum pg_type type)
{
	*a = (struct pg_array){.type = type};
	buf_init(&a->bytes, PG_BYTES_MAX);
	pg_array_clear(a);
}

void pg_array_done(struct pg_array *a)
{
	buf_done(&a->bytes);
}

void pg_array_clear(struct pg_array *a)
{
	buf_clear(&a->bytes);
	a->count = 0;
	a->has_null = false;
	buf_append_be32(&a->bytes, 1);
	buf_append_be32(&a->bytes, 0);
	buf_append_be32(&a->bytes, a->type);
	buf_append_be32(&a->bytes, 0);
	buf_append_be32(&a->bytes, 1);
}

void pg_array_int(struct pg_array *a, int64_t v)
{
	a->count++;
	if (a->type == PG_INT2) {
		must(v >= INT16_MIN && v <= INT16_MAX);
		buf_append_be32(&a->bytes, 2);
		buf_append_be16(&a->bytes, (uint16_t)v);
	} else if (a->type == PG_INT4) {
		must(v >= INT32_MIN && v <= INT32_MAX);
		buf_append_be32(&a->bytes, 4);
		buf_append_be32(&a->bytes, (uint32_t)v);
	} else {
		must(a->type == PG_INT8);
		buf_append_be32(&a->bytes, 8);
		buf_append_be64(&a->bytes, (uint64_t)v);
	}
}

void pg_array_bool(struct pg_array *a, bool v)
{
	must(a->type == PG_BOOL);
	a->count++;
	buf_append_be32(&a->bytes, 1);
	buf_append_u8(&a->bytes, v);
}

void pg_array_text(struct pg_array *a, struct str v)
{
	must(a->type == PG_TEXT || a->type == PG_BYTEA);
	a->count++;
	buf_append_be32(&a->bytes, (uint32_t)v.len);
	buf_append_str(&a->bytes, v);
}

void pg_array_time(struct pg_array *a, int64_t us)
{
	must(a->type == PG_TIME);
	a->count++;
	buf_append_be32(&a->bytes, 8);
	buf_append_be64(&a->bytes, (uint64_t)time_to_wire(us));
}

void pg_array_bits(struct pg_array *a, struct pg_bits v)
{
	must(a->type == PG_BITS);
	a->count++;
	buf_append_be32(&a->bytes, (uint32_t)(4 + (v.count + 7) / 8));
	append_bits(&a->bytes, v);
}

void pg_array_null(struct pg_array *a)
{
	a->count++;
	a->has_null = true;
	buf_append_be32(&a->bytes, UINT32_MAX);
}
