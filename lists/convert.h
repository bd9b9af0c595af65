/* SPDX-License-Identifier: MIT */
/*
 * A stream of bytes in some encoding, made into UTF-8 piece by piece.
 *
 * It never fails half-way: bytes that are not of the encoding become U+FFFD and are counted, so
 * that the rows they stand in can be refused one by one. In GB18030 a lone 0x80 is €. One thread
 * at a time.
 */
#ifndef EDM_LISTS_CONVERT_H
#define EDM_LISTS_CONVERT_H

#include <iconv.h>

#include "engine/base/buf.h"
#include "engine/base/err.h"
#include "lists/detect.h"

struct converter {
	iconv_t iconv;
	bool is_open;
	bool is_utf8;  /* already: checked, not converted */
	bool has_euro; /* 0x80 stands for € */
	size_t unit;   /* bytes to pass over at a fault: 2 in UTF-16 */
	char kept[16]; /* a character begun in the last piece */
	size_t kept_len;
	uint64_t bad_count; /* U+FFFD put in so far */
};

/* encoding, or with ENCODING_OTHER the iconv name. Errors: USAGE, the name is not known. */
int converter_init(struct converter *c, enum encoding encoding, const char *name,
		   struct err *err) NODISCARD;
void converter_done(struct converter *c);
/* Appends bytes, converted, to out (whose maximum must be ≥ 4 × (bytes.len + 16)). is_last: no more
 * will come, a character cut short is bad. */
void converter_feed(struct converter *c, struct str bytes, bool is_last, struct buf *out);

#endif
