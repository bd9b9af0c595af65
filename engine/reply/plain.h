/* SPDX-License-Identifier: MIT */
/*
 * The plain text of a reply: what it says, without how it is written.
 *
 * Rules that go by meaning ("says", "unless"; see rules.h) are matched against it, so that
 * "<bob@b.example>: No-such_user!" and "no such user bob@b.example" are the same words:
 *
 *   - names are tokens (mask_names), so that a host called spam.example is not the word spam;
 *   - small letters without accents (Latin script), wide letters as narrow ones;
 *   - ".", "!", "?" and ";" at the end of a clause are "; ", all other punctuation is a space, and
 *     spaces are single ones; dots, dashes and colons between digits stay (5.1.1);
 *   - NoSuchUser is three words; "can't", "cannot" and "cant" are "can not", "doesn't" is "does
 *     not", and so on; "e-mail" is "email".
 *
 * Any thread; pure.
 */
#ifndef EDM_ENGINE_REPLY_PLAIN_H
#define EDM_ENGINE_REPLY_PLAIN_H

#include "engine/base/buf.h"

/* Appends the plain text of text (sanitised UTF-8) to out; at most 6 times as long as text. Linear
 * in text. */
void plain_append(struct str text, struct buf *out);

#endif
