/* SPDX-License-Identifier: MIT */
/*
 * A body part: a template whose literal segments are transfer-encoded beforehand.
 *
 * Encoded pieces can be joined in any order a template's blocks give. Those of quoted-printable are
 * whole lines, each made canonical for DKIM by itself: a piece ends with a soft line break. Base64
 * keeps three encodings of a segment, one for each number of its first bytes (0, 1, 2) that
 * complete the group of three begun by the value before it, without line ends: they are put in
 * while it is copied, so that all lines but the last are full. Only values are encoded while
 * rendering.
 *
 * Immutable after part_new; any thread.
 */
#ifndef EDM_ENGINE_MAIL_PART_H
#define EDM_ENGINE_MAIL_PART_H

#include "engine/mail/dkim.h"
#include "engine/mail/mime.h"
#include "engine/mail/template.h"

struct part;

/* Where a body goes: appended to out and, unless hash is NULL, hashed. */
struct body_writer {
	struct buf *out;
	struct body_hash *hash;
	struct template_scratch *scratch;
	struct buf *pending; /* base64: bytes that wait for their group of three; empty at first */
	size_t column;	     /* base64: characters of the line that is being written */
};

/* Takes over t. The encoding is the shortest for its literal text; 7bit only without variables. */
struct part *part_new(struct template *t);
void part_free(struct part *p);
enum mime_encoding part_encoding(const struct part *p);
const struct template *part_template(const struct part *p);
/* About how many bytes one recipient's takes: all segments, each with a value of some length. */
size_t part_size_hint(const struct part *p);
/* Writes the part for one recipient. -1: a value is too long. */
int part_render(const struct part *p, const struct template_values *values, struct body_writer *w,
		struct err *err) NODISCARD;

#endif
