/* SPDX-License-Identifier: MIT */
/*
 * Wire form: what may stand between DATA and the terminator, and in the arguments of commands.
 * The last line of defence against smuggled commands and messages (RFC 5321 2.3.8, 4.5.2): whoever
 * composes gives wire form, the dialog checks it again before it says anything. Pure.
 */
#ifndef EDM_ENGINE_SMTP_WIRE_H
#define EDM_ENGINE_SMTP_WIRE_H

#include "engine/base/buf.h"
#include "engine/base/err.h"

#define WIRE_LINE_MAX 998u /* octets of a line, without CRLF and without the doubled dot */
#define WIRE_PATH_MAX 254u /* octets of a path without its brackets (RFC 5321 4.5.3.1.3) */

/*
 * Are the slices, joined, a body in wire form? Not empty, CRLF at every line's end and the very
 * end, no other CR or LF, no NUL, no line too long, leading dots doubled. The slices may be cut
 * anywhere. On false *why_out (if not NULL) is a constant phrase.
 */
bool wire_is_body(const struct str *slices, size_t count, const char **why_out);
/* Appends text, which has CRLF line ends, with leading dots doubled and a CRLF at its end if it
 * lacks one. -1 when the result is no wire form. */
int wire_render_body(struct buf *out, struct str text, struct err *err) NODISCARD;
/*
 * May path stand in MAIL FROM:<path> or RCPT TO:<path>? At most WIRE_PATH_MAX octets, none of them
 * a control, a space, '<', '>' or DEL; octets ≥ 0x80 only if is_utf8.
 */
bool wire_is_path(struct str path, bool is_utf8);
/* May name stand after EHLO? 1–255 printable ASCII octets without space. */
bool wire_is_ehlo_name(struct str name);

#endif
