/* SPDX-License-Identifier: MIT */
/*
 * Slices: bytes somebody else owns.
 *
 * A struct str is passed by value; ptr may be NULL only when len is 0. Slices are not
 * NUL-terminated unless a function says so. "nocase" folds ASCII A–Z only. Any thread; pure.
 */
#ifndef EDM_ENGINE_BASE_STR_H
#define EDM_ENGINE_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/must.h"

struct str {
	const char *ptr;
	size_t len;
};

/* A slice over a string literal, usable in static initialisers via STR_INIT. */
#define STR(literal) ((struct str){(literal), sizeof(literal) - 1})
#define STR_INIT(literal)                                                                          \
	{                                                                                          \
		(literal), sizeof(literal) - 1                                                     \
	}
/* For printf: "%.*s", STR_ARG(s) */
#define STR_ARG(s) (int)(s).len, (s).ptr ? (s).ptr : ""

/* A slice over a C string; NULL gives the empty slice. */
struct str str_from(const char *cstr);
struct str str_of(const char *ptr, size_t len);
bool str_is_empty(struct str s);
bool str_equals(struct str a, struct str b);
bool str_equals_nocase(struct str a, struct str b);
/* memcmp order, a prefix sorts first: <0, 0, >0. */
int str_compare(struct str a, struct str b);
bool str_starts_with(struct str s, struct str prefix);
bool str_starts_with_nocase(struct str s, struct str prefix);
bool str_ends_with(struct str s, struct str suffix);
bool str_ends_with_nocase(struct str s, struct str suffix);
/* Index of the first c, or -1. */
ptrdiff_t str_find_char(struct str s, char c);
/* Index of the first occurrence of needle (an empty needle is at 0), or -1. */
ptrdiff_t str_find(struct str s, struct str needle);
/* Bytes from..to (exclusive), both clamped to the length. */
struct str str_slice(struct str s, size_t from, size_t to);
/* Without leading and trailing spaces, tabs, CR, LF. */
struct str str_trim(struct str s);
/* Cuts the part before the first sep off *rest and returns it; *rest is what follows sep, or empty.
 * Without a sep it returns all of *rest. Loop: while (rest.len) part = str_take_until(&rest, ',');
 */
struct str str_take_until(struct str *rest, char sep);
/* Decimal digits only (i64: an optional '-'), no spaces; 0, or -1 on syntax or overflow. */
int str_to_u64(struct str s, uint64_t *out) NODISCARD;
int str_to_i64(struct str s, int64_t *out) NODISCARD;
/* Copies into dst as a NUL-terminated string; -1 if it does not fit or holds a NUL. */
int str_to_cstr(struct str s, char *dst, size_t size) NODISCARD;

/* True if no byte is above 127. */
bool str_is_ascii(struct str s);

/* ASCII classes that ignore the locale. */
bool ascii_is_digit(char c);
bool ascii_is_alpha(char c);
bool ascii_is_alnum(char c);
bool ascii_is_space(char c); /* space, \t, \r, \n */
char ascii_lower(char c);

/* The form of a noun that goes with the count n: plural(n, "row", "rows"). */
static inline const char *plural(int64_t n, const char *one, const char *many)
{
	return n == 1 ? one : many;
}

#endif
