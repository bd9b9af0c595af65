/* SPDX-License-Identifier: MIT */
/*
 * UTF-8, strictly (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF.
 * Any thread; pure.
 */
#ifndef EDM_ENGINE_BASE_UTF8_H
#define EDM_ENGINE_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/str.h"

#define UTF8_REPLACEMENT "\xEF\xBF\xBD" /* U+FFFD */

/*
 * Decodes the character s starts with. Returns its length in bytes (1..4) and sets *scalar_out, or
 * 0 when s is empty or does not start with a whole valid character.
 */
size_t utf8_decode(struct str s, uint32_t *scalar_out);
/* Writes scalar (a valid one) to out; returns the bytes written, 1..4. */
size_t utf8_encode(uint32_t scalar, char out[4]);
/* Bytes of the longest valid prefix of s. A rest of ≤ 3 bytes may be a character cut short. */
size_t utf8_valid_len(struct str s);
bool utf8_is_valid(struct str s);
/* The longest prefix of s of at most max bytes that does not end inside a character of valid s. */
struct str utf8_clip(struct str s, size_t max);

#endif
