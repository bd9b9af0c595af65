/* SPDX-License-Identifier: MIT */
/* Strict UTF-8; see utf8.h. */
#include "engine/base/utf8.h"

/* The number of bytes a first byte announces, 0 if none can start with it. */
static size_t announced_length(uint8_t first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xC2)
		return 0;
	if (first < 0xE0)
		return 2;
	if (first < 0xF0)
		return 3;
	return first < 0xF5 ? 4 : 0;
}

static bool is_continuation(char c)
{
	return ((uint8_t)c & 0xC0) == 0x80;
}

/*
 * UTF8-char = UTF8-1 / UTF8-2 / UTF8-3 / UTF8-4  (RFC 3629 4). What the ABNF says of second bytes
 * is checked on the decoded number: too small for its length is an overlong form.
 */
size_t utf8_decode(struct str s, uint32_t *scalar_out)
{
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	if (s.len == 0)
		return 0;
	uint8_t first = (uint8_t)s.ptr[0];
	size_t len = announced_length(first);
	if (len == 0 || len > s.len)
		return 0;
	uint32_t scalar = len == 1 ? first : first & (0x7Fu >> len);
	for (size_t i = 1; i < len; i++) {
		if (!is_continuation(s.ptr[i]))
			return 0;
		scalar = scalar << 6 | ((uint8_t)s.ptr[i] & 0x3Fu);
	}
	if (scalar < smallest[len] || scalar > 0x10FFFF || (scalar >= 0xD800 && scalar <= 0xDFFF))
		return 0;
	*scalar_out = scalar;
	return len;
}

size_t utf8_encode(uint32_t scalar, char out[4])
{
	if (scalar < 0x80) {
		out[0] = (char)scalar;
		return 1;
	}
	size_t len = scalar < 0x800 ? 2 : scalar < 0x10000 ? 3 : 4;
	for (size_t i = len - 1; i > 0; i--) {
		out[i] = (char)(0x80 | (scalar & 0x3F));
		scalar >>= 6;
	}
	out[0] = (char)((0xF00u >> len & 0xFF) | scalar);
	return len;
}

size_t utf8_valid_len(struct str s)
{
	uint32_t scalar;
	size_t done = 0, n;
	while ((n = utf8_decode(str_slice(s, done, s.len), &scalar)) > 0)
		done += n;
	return done;
}

bool utf8_is_valid(struct str s)
{
	return utf8_valid_len(s) == s.len;
}

struct str utf8_clip(struct str s, size_t max)
{
	if (s.len <= max)
		return s;
	while (max > 0 && is_continuation(s.ptr[max]))
		max--;
	return str_slice(s, 0, max);
}
