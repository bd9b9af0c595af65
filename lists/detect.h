/* SPDX-License-Identifier: MIT */
/*
 * What a text file is written in, from its bytes alone.
 *
 * Encoding, in a strict order over the whole file, because a guess from its beginning is how lists
 * get mangled: a byte order mark; else UTF-16, if NULs stand in every other byte (pure ASCII in
 * UTF-16 would pass for UTF-8 too); else strict UTF-8; else GB18030 (which holds GBK and GB2312)
 * with the lone byte 0x80 as €, as Windows writes it; else unknown: the user must say.
 *
 * Delimiter: whichever of , ; and tab cuts the first lines into the same number of columns.
 *
 * Pure; one detector is one thread's.
 */
#ifndef EDM_LISTS_DETECT_H
#define EDM_LISTS_DETECT_H

#include "engine/base/str.h"

/* X(enumerator suffix, name for people, name for iconv) */
#define ENCODINGS(X)                                                                               \
	X(UNKNOWN, "unknown", "")                                                                  \
	X(UTF_8, "UTF-8", "UTF-8")                                                                 \
	X(UTF_16LE, "UTF-16LE", "UTF-16LE")                                                        \
	X(UTF_16BE, "UTF-16BE", "UTF-16BE")                                                        \
	X(GB18030, "GB18030", "GB18030")                                                           \
	X(OTHER, "other", "") /* named by the user, known to iconv only */

enum encoding {
#define X(suffix, name, iconv_name) ENCODING_##suffix,
	ENCODINGS(X)
#undef X
};

struct detector {
	uint64_t size;		   /* bytes fed */
	uint64_t nul_count[2];	   /* NULs at even and at odd offsets */
	uint64_t high_count;	   /* bytes ≥ 0x80 */
	uint64_t line;		   /* line ends seen, + 1 */
	uint64_t utf8_bad_line;	   /* line of the first byte that is not UTF-8, 0 = none */
	uint64_t gb18030_bad_line; /* line of the first byte that is not GB18030, 0 = none */
	unsigned char head[3];	   /* the first bytes */
	unsigned char kept[4];	   /* a UTF-8 character begun in the last feed */
	unsigned char kept_len;
	unsigned char gb_place; /* bytes of the GB18030 character already seen, 0–3 */
};

struct detected {
	enum encoding encoding; /* ENCODING_UNKNOWN: none fits */
	unsigned bom_len;	/* bytes of the byte order mark to skip */
	bool is_ascii;		/* nothing in it could be misread */
	uint64_t utf8_bad_line; /* for the message when none fits; 0 = UTF-8 throughout */
	uint64_t gb18030_bad_line;
};

void detector_init(struct detector *d);
/* The next bytes of the file, in order, in pieces of any size. */
void detector_feed(struct detector *d, struct str bytes);
/* After the last byte. */
struct detected detector_finish(struct detector *d);
/* Bytes of the byte order mark that encoding may begin with, if head does; else 0. */
unsigned bom_length(enum encoding encoding, struct str head);

/* The encoding a user means by name ("gbk", "utf-16", "BIG5" …); ENCODING_OTHER if only iconv may
 * know it. */
enum encoding encoding_parse(struct str name);
const char *encoding_name(enum encoding encoding);
const char *encoding_iconv_name(enum encoding encoding);

/* The delimiter of text, which is UTF-8 and begins the file; ',' when nothing tells. */
char detect_delimiter(struct str text);

#endif
