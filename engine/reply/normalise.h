/* SPDX-License-Identifier: MIT */
/*
 * Replies that differ only in what names this mail become one template.
 *
 * Addresses, IP addresses, URLs, host names, queue ids, times and numbers are taken out of a
 * reply's text; a token such as {ip} stays in their place. Ten million refusals are then a few
 * hundred templates: they are stored once, counted, and shown for review when no rule knows them.
 * Reply codes inside the text (S3140, TSS04, 5.7.1, OFR_416) stay: they carry the meaning.
 *
 * The template and the parts give the text back (template_restore). Any thread; pure.
 */
#ifndef EDM_ENGINE_REPLY_NORMALISE_H
#define EDM_ENGINE_REPLY_NORMALISE_H

#include "engine/base/buf.h"

/*
 * Appends the template of text (sanitised, one line) to template_out and its variable parts, each
 * followed by '\n', in the order of their tokens, to parts_out. Linear in text. Neither grows
 * beyond 8 times text. name: the recipient's local part, taken out as {name} where it stands as a
 * whole word; one shorter than 4 octets, or empty, is not looked for.
 */
void normalise(struct str text, struct str name, struct buf *template_out, struct buf *parts_out);

/* The key of a template: the same on every machine and in every version; stored in the database. */
uint64_t template_hash(struct str template);

/* Appends to text_out what normalise was given. A token without a part is left as it is. */
void template_restore(struct str template, struct str parts, struct buf *text_out);

/* Appends text to out with {@} for every mail address, for matching. Never longer than text. */
void mask_addresses(struct str text, struct buf *out);

/*
 * Appends text to out with a short token for every name in it: {@} mail address, {u} URL, {i} IP
 * address, {h} host name, {t} time, {x} id made by a machine, {w} a word in angle brackets. Numbers
 * stay; a brace of the text becomes a space. At most 3 times as long as text.
 */
void mask_names(struct str text, struct buf *out);

#endif
