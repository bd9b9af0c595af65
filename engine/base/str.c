/* SPDX-License-Identifier: MIT */
/* Slices; see str.h. */
#include "engine/base/str.h"

#include <string.h>

struct str str_from(const char *cstr)
{
	return str_of(cstr, cstr ? strlen(cstr) : 0);
}

struct str str_of(const char *ptr, size_t len)
{
	return (struct str){ptr, len};
}

bool str_is_empty(struct str s)
{
	return s.len == 0;
}

bool str_equals(struct str a, struct str b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool str_equals_nocase(struct str a, struct str b)
{
	return a.len == b.len && str_starts_with_nocase(a, b);
}

int str_compare(struct str a, struct str b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int order = n ? memcmp(a.ptr, b.ptr, n) : 0;
	if (order != 0)
		return order;
	return (a.len > b.len) - (a.len < b.len);
}

bool str_starts_with(struct str s, struct str prefix)
{
	return s.len >= prefix.len && str_equals(str_of(s.ptr, prefix.len), prefix);
}

bool str_starts_with_nocase(struct str s, struct str prefix)
{
	if (s.len < prefix.len)
		return false;
	for (size_t i = 0; i < prefix.len; i++)
		if (ascii_lower(s.ptr[i]) != ascii_lower(prefix.ptr[i]))
			return false;
	return true;
}

bool str_ends_with(struct str s, struct str suffix)
{
	return s.len >= suffix.len && str_equals(str_slice(s, s.len - suffix.len, s.len), suffix);
}

bool str_ends_with_nocase(struct str s, struct str suffix)
{
	return s.len >= suffix.len &&
	       str_equals_nocase(str_slice(s, s.len - suffix.len, s.len), suffix);
}

ptrdiff_t str_find_char(struct str s, char c)
{
	const char *hit = s.len ? memchr(s.ptr, c, s.len) : NULL;
	return hit ? hit - s.ptr : -1;
}

ptrdiff_t str_find(struct str s, struct str needle)
{
	if (needle.len == 0)
		return 0;
	const char *hit = s.len ? memmem(s.ptr, s.len, needle.ptr, needle.len) : NULL;
	return hit ? hit - s.ptr : -1;
}

struct str str_slice(struct str s, size_t from, size_t to)
{
	if (to > s.len)
		to = s.len;
	if (from > to)
		from = to;
	return s.ptr ? str_of(s.ptr + from, to - from) : s;
}

struct str str_trim(struct str s)
{
	while (s.len > 0 && ascii_is_space(s.ptr[0]))
		s = str_slice(s, 1, s.len);
	while (s.len > 0 && ascii_is_space(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

struct str str_take_until(struct str *rest, char sep)
{
	ptrdiff_t at = str_find_char(*rest, sep);
	struct str part = at < 0 ? *rest : str_slice(*rest, 0, (size_t)at);
	*rest = at < 0 ? str_slice(*rest, rest->len, rest->len)
		       : str_slice(*rest, (size_t)at + 1, rest->len);
	return part;
}

int str_to_u64(struct str s, uint64_t *out)
{
	uint64_t value = 0;
	if (s.len == 0)
		return -1;
	for (size_t i = 0; i < s.len; i++) {
		if (!ascii_is_digit(s.ptr[i]))
			return -1;
		if (__builtin_mul_overflow(value, 10u, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(s.ptr[i] - '0'), &value))
			return -1;
	}
	*out = value;
	return 0;
}

int str_to_i64(struct str s, int64_t *out)
{
	bool is_negative = s.len > 0 && s.ptr[0] == '-';
	uint64_t value;
	if (str_to_u64(str_slice(s, is_negative ? 1 : 0, s.len), &value) != 0)
		return -1;
	if (value > (uint64_t)INT64_MAX + (is_negative ? 1 : 0))
		return -1;
	*out = is_negative ? (int64_t)(0 - value) : (int64_t)value;
	return 0;
}

int str_to_cstr(struct str s, char *dst, size_t size)
{
	if (s.len >= size || str_find_char(s, '\0') >= 0)
		return -1;
	if (s.len > 0)
		memcpy(dst, s.ptr, s.len);
	dst[s.len] = '\0';
	return 0;
}

bool str_is_ascii(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.ptr[i] > 127)
			return false;
	return true;
}

bool ascii_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool ascii_is_alpha(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool ascii_is_alnum(char c)
{
	return ascii_is_digit(c) || ascii_is_alpha(c);
}

bool ascii_is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

char ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}
