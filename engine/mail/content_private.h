/* SPDX-License-Identifier: MIT */
/* What a compiled content consists of: made by content.c, read by compose.c. */
#ifndef EDM_ENGINE_MAIL_CONTENT_PRIVATE_H
#define EDM_ENGINE_MAIL_CONTENT_PRIVATE_H

#include "engine/base/arena.h"
#include "engine/mail/compose.h"
#include "engine/mail/part.h"

#define CONTENT_ITEMS_MAX 5 /* lines, text, lines, html, lines */

/* A stretch of the body: fixed lines, or a part to render (part not NULL). */
struct body_item {
	struct str lines;
	struct str canonical;
	const struct part *part;
};

struct content_name {
	struct str text;
	bool is_needed; /* template_variable_is_needed */
};

struct content {
	struct arena arena;
	struct str from;       /* address */
	struct str from_field; /* "From: …" CRLF; the same in every message, as all fields here */
	struct str reply_to_field; /* or empty */
	struct str mime_fields;	   /* MIME-Version, Content-Type, Content-Transfer-Encoding */
	struct template *subject;
	struct part *text; /* NULL when it is fixed lines: then it is in an item */
	struct part *html;
	struct body_item items[CONTENT_ITEMS_MAX];
	size_t item_count;
	struct body_item tail;	  /* fixed lines behind the last part that messages only point to */
	struct body_hash prefix;  /* hash state after items[0], if that is fixed lines */
	struct digest fixed_body; /* the whole body's hash when no item is a part */
	bool is_fixed;
	size_t size_hint; /* bytes of a message's body in its own text, about */
	struct content_name *names;
	size_t name_count;
};

#endif
