/* SPDX-License-Identifier: MIT */
/*
 * What a table asks to be done about a reply, beside its class and cause; see judge.c for how it is
 * written. Pure.
 */
#ifndef EDM_TESTS_REPLIES_REACTION_H
#define EDM_TESTS_REPLIES_REACTION_H

#include "engine/base/buf.h"
#include "engine/reply/outcome.h"

/* Fields of a line, as they stand there. */
struct reaction {
	struct str scope;   /* "source/site": one of these; "*": not said */
	struct str actions; /* "a,b/c,(d),~e"; "-": none */
	struct str delay;   /* "-": by the retry schedule; "1h", "1h..4h", "1h..", "day+8"; "*": not
			       said */
};

/* Are all names and times known ones? */
bool reaction_is_sound(const struct reaction *want);
/* Appends to out what of the verdict differs, "; " after each; nothing when it is as asked. */
void reaction_compare(const struct reaction *want, const struct verdict *got, struct buf *out);
/* Appends ", NAME" to out for each thing asked for that no rule can say yet. */
void reaction_beyond(const struct reaction *want, struct buf *out);

#endif
