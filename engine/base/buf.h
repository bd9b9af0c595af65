/* SPDX-License-Identifier: MIT */
/*
 * A growable byte buffer with a maximum.
 *
 * Appends never fail one by one: an append that would pass max changes nothing and sets
 * is_truncated, after which every append is a no-op; the caller asks once at the end. There is
 * always a NUL after the data (not counted), so data can be read as a C string when it holds none.
 * One owner, one thread at a time.
 */
#ifndef EDM_ENGINE_BASE_BUF_H
#define EDM_ENGINE_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/base/str.h"

struct buf {
	char *data;	   /* NULL until the first append */
	size_t len;	   /* bytes in use */
	size_t cap;	   /* bytes allocated, NUL included */
	size_t max;	   /* len never passes this */
	bool is_truncated; /* an append was refused */
};

void buf_init(struct buf *b, size_t max);
void buf_done(struct buf *b);
/* Empties it and clears is_truncated; keeps the memory. */
void buf_clear(struct buf *b);
/* Makes room for n more bytes and returns where they go (advance with buf_add), NULL when past max.
 */
char *buf_reserve(struct buf *b, size_t n);
/* Gives back what it holds more than it needs. */
void buf_fit(struct buf *b);
/* Counts n bytes written after buf_reserve. */
void buf_add(struct buf *b, size_t n);
void buf_append(struct buf *b, const void *ptr, size_t len);
void buf_append_str(struct buf *b, struct str s);
void buf_append_cstr(struct buf *b, const char *s);
void buf_append_char(struct buf *b, char c);
void buf_appendf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_appendfv(struct buf *b, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);
/* Appends s (UTF-8) as a JSON string, its quotes included. */
void buf_append_json(struct buf *b, struct str s);
/* Big-endian integers, for binary PostgreSQL parameters and the journal. */
void buf_append_u8(struct buf *b, uint8_t v);
void buf_append_be16(struct buf *b, uint16_t v);
void buf_append_be32(struct buf *b, uint32_t v);
void buf_append_be64(struct buf *b, uint64_t v);
/* Drops the first n bytes (n ≤ len), moving the rest down. */
void buf_consume(struct buf *b, size_t n);
/* The content as a slice; valid until the next append. */
struct str buf_str(const struct buf *b);

#endif
