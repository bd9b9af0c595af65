/* SPDX-License-Identifier: MIT */
/*
 * SASL for SMTP (RFC 4954): what PLAIN (RFC 4616) and LOGIN put on the wire. Pure.
 */
#ifndef EDM_ENGINE_SMTP_AUTH_H
#define EDM_ENGINE_SMTP_AUTH_H

#include "engine/base/buf.h"

/* Longest line of an AUTH exchange, CRLF included (RFC 4954 4). */
#define AUTH_LINE_MAX 12288u

/* Can these be sent: no NUL in either, and they fit a line? */
bool auth_is_sound(struct str user, struct str password);
/* base64( NUL user NUL password ): the initial response of PLAIN. */
void auth_render_plain(struct buf *out, struct str user, struct str password);
/* base64(s): each answer of LOGIN. */
void auth_render_base64(struct buf *out, struct str s);

#endif
