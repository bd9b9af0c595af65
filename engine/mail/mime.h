/* SPDX-License-Identifier: MIT */
/*
 * MIME (RFC 2045, 2046, 2231): transfer encodings and the fields of a part.
 *
 * What the encoders write are whole lines ended by CRLF, at most 76 characters, none starting with
 * a dot, and neither "--" at a line start of base64 nor "=_" anywhere: so a boundary that starts
 * with "=_" can occur in no encoded body, and a message made of them needs no dot-stuffing.
 * Pure; any thread.
 */
#ifndef EDM_ENGINE_MAIL_MIME_H
#define EDM_ENGINE_MAIL_MIME_H

#include "engine/base/buf.h"

#define MIME_LINE_MAX 76u

/* X(enumerator suffix, value of Content-Transfer-Encoding) */
#define MIME_ENCODINGS(X)                                                                          \
	X(7BIT, "7bit")                                                                            \
	X(QUOTED_PRINTABLE, "quoted-printable")                                                    \
	X(BASE64, "base64")

enum mime_encoding {
#define X(suffix, name) MIME_##suffix,
	MIME_ENCODINGS(X)
#undef X
};

const char *mime_encoding_name(enum mime_encoding encoding);
/* True when text can go as it is: ASCII lines of at most 76 characters without control characters,
 * trailing white space, a dot or "From " at a line start, or "=_". Line ends are LF or CRLF. */
bool mime_is_7bit(struct str text);
/* Appends text with LF, CR and CRLF as CRLF, and a CRLF at its end if there is none. */
void mime_7bit(struct str text, struct buf *out);
/*
 * Appends text (line ends LF, CR or CRLF, all sent as CRLF) as quoted-printable lines. Text that
 * does not end with a line end is closed by a soft line break, so pieces encoded one by one and
 * joined decode to the pieces joined. Empty text appends nothing.
 */
void mime_quoted_printable(struct str text, struct buf *out);
/* Ends a quoted-printable body: after a soft line break there must be a line. */
void mime_quoted_printable_end(struct buf *out);
/* Bytes quoted-printable would need for the text, soft breaks not counted. */
size_t mime_quoted_printable_size(struct str text);
/* Appends bytes as base64 lines of at most 76 characters; the last may be short. */
void mime_base64(struct str bytes, struct buf *out);
/* Writes bytes (at most 1 GiB) as base64 without line ends and a NUL to `to`, room for
 * MIME_BASE64_CHARS(bytes.len) + 1; returns how many characters. */
#define MIME_BASE64_CHARS(n) (((n) + 2) / 3 * 4)
#define MIME_BASE64_LINE 76u
size_t mime_base64_chars(struct str bytes, char *to);

/* Appends a header field with one RFC 2231 parameter set:
 * "name: value; parameter*=UTF-8''…" folded, with *0*, *1* … when long, and an ASCII form beside it
 * (parameter="…") for readers that do not know RFC 2231. An ASCII text gives only the plain form.
 */
void mime_field_with_parameter(struct buf *out, const char *name, struct str value,
			       const char *parameter, struct str text);
/* type "/" subtype of token characters (RFC 2045 5.1), no parameters. */
bool mime_type_is_valid(struct str type);

#endif
