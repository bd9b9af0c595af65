/* SPDX-License-Identifier: MIT */
/*
 * The filters, all of one form: a value in, a value out, see filter_function. Letters are changed
 * in ASCII only; characters are those of UTF-8, a malformed byte counts as one.
 */
#include "engine/mail/template_private.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/utf8.h"

#define TRUNCATE_DEFAULT 50u /* as in Liquid */

static size_t char_len(struct str s)
{
	uint32_t scalar;
	size_t n = utf8_decode(s, &scalar);
	return n ? n : 1;
}

static size_t count_chars(struct str s)
{
	size_t count = 0;
	for (; s.len > 0; count++)
		s = str_slice(s, char_len(s), s.len);
	return count;
}

/* The first n characters of s. */
static struct str first_chars(struct str s, size_t n)
{
	size_t at = 0;
	while (n-- > 0 && at < s.len)
		at += char_len(str_slice(s, at, s.len));
	return str_slice(s, 0, at);
}

static char ascii_upper(char c)
{
	return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static struct str filter_default(struct str in, const struct str *args, size_t n, struct buf *out)
{
	(void)n;
	(void)out;
	return in.len > 0 ? in : args[0];
}

static struct str filter_upcase(struct str in, const struct str *args, size_t n, struct buf *out)
{
	(void)args;
	(void)n;
	for (size_t i = 0; i < in.len; i++)
		buf_append_char(out, ascii_upper(in.ptr[i]));
	return buf_str(out);
}

static struct str filter_downcase(struct str in, const struct str *args, size_t n, struct buf *out)
{
	(void)args;
	(void)n;
	for (size_t i = 0; i < in.len; i++)
		buf_append_char(out, ascii_lower(in.ptr[i]));
	return buf_str(out);
}

static struct str filter_capitalize(struct str in, const struct str *args, size_t n,
				    struct buf *out)
{
	filter_downcase(in, args, n, out);
	if (out->len > 0)
		out->data[0] = ascii_upper(out->data[0]);
	return buf_str(out);
}

static struct str filter_strip(struct str in, const struct str *args, size_t n, struct buf *out)
{
	(void)args;
	(void)n;
	(void)out;
	return str_trim(in);
}

/* truncate: length [, ellipsis]: length counts the ellipsis ("..." unless given). */
static struct str filter_truncate(struct str in, const struct str *args, size_t n, struct buf *out)
{
	struct str ellipsis = n > 1 ? args[1] : STR("...");
	uint64_t length = TRUNCATE_DEFAULT;
	if (n > 0 && str_to_u64(args[0], &length) != 0)
		length = TRUNCATE_DEFAULT;
	if (count_chars(in) <= length)
		return in;
	size_t tail = count_chars(ellipsis);
	buf_append_str(out, first_chars(in, length > tail ? (size_t)length - tail : 0));
	buf_append_str(out, ellipsis);
	return buf_str(out);
}

static struct str entity_of(char c)
{
	switch (c) {
	case '&':
		return STR("&amp;");
	case '<':
		return STR("&lt;");
	case '>':
		return STR("&gt;");
	case '"':
		return STR("&quot;");
	case '\'':
		return STR("&#39;");
	default:
		return STR("");
	}
}

struct str filter_escape(struct str in, const struct str *args, size_t n, struct buf *out)
{
	(void)args;
	(void)n;
	size_t done = 0;
	for (size_t i = 0; i < in.len; i++) {
		struct str entity = entity_of(in.ptr[i]);
		if (entity.len == 0)
			continue;
		buf_append_str(out, str_slice(in, done, i));
		buf_append_str(out, entity);
		done = i + 1;
	}
	if (done == 0)
		return in;
	buf_append_str(out, str_slice(in, done, in.len));
	return buf_str(out);
}

/* All but the unreserved characters of RFC 3986 2.3, so it fits in a path and in a query. */
static struct str filter_url_encode(struct str in, const struct str *args, size_t n,
				    struct buf *out)
{
	static const char hex[] = "0123456789ABCDEF";
	(void)args;
	(void)n;
	for (size_t i = 0; i < in.len; i++) {
		unsigned char c = (unsigned char)in.ptr[i];
		if (ascii_is_alnum((char)c) || (c != '\0' && strchr("-._~", c) != NULL)) {
			buf_append_char(out, (char)c);
			continue;
		}
		char triplet[3] = {'%', hex[c >> 4], hex[c & 15]};
		buf_append(out, triplet, sizeof(triplet));
	}
	return buf_str(out);
}

static struct str filter_append(struct str in, const struct str *args, size_t n, struct buf *out)
{
	(void)n;
	buf_append_str(out, in);
	buf_append_str(out, args[0]);
	return buf_str(out);
}

static struct str filter_prepend(struct str in, const struct str *args, size_t n, struct buf *out)
{
	(void)n;
	buf_append_str(out, args[0]);
	buf_append_str(out, in);
	return buf_str(out);
}

/* replace: old, new. An empty old changes nothing. */
static struct str filter_replace(struct str in, const struct str *args, size_t n, struct buf *out)
{
	struct str with = n > 1 ? args[1] : STR("");
	if (args[0].len == 0)
		return in;
	while (in.len > 0 && !out->is_truncated) {
		ptrdiff_t at = str_find(in, args[0]);
		if (at < 0)
			break;
		buf_append_str(out, str_slice(in, 0, (size_t)at));
		buf_append_str(out, with);
		in = str_slice(in, (size_t)at + args[0].len, in.len);
	}
	buf_append_str(out, in);
	return buf_str(out);
}

static struct str filter_size(struct str in, const struct str *args, size_t n, struct buf *out)
{
	(void)args;
	(void)n;
	buf_appendf(out, "%zu", count_chars(in));
	return buf_str(out);
}

static struct str filter_raw(struct str in, const struct str *args, size_t n, struct buf *out)
{
	(void)args;
	(void)n;
	(void)out;
	return in;
}

static const struct filter_spec filters[] = {
	{STR_INIT("default"), filter_default, 1, 1, false, false},
	{STR_INIT("upcase"), filter_upcase, 0, 0, false, false},
	{STR_INIT("downcase"), filter_downcase, 0, 0, false, false},
	{STR_INIT("capitalize"), filter_capitalize, 0, 0, false, false},
	{STR_INIT("strip"), filter_strip, 0, 0, false, false},
	{STR_INIT("truncate"), filter_truncate, 0, 2, true, false},
	{STR_INIT("escape"), filter_escape, 0, 0, false, true},
	{STR_INIT("url_encode"), filter_url_encode, 0, 0, false, false},
	{STR_INIT("date"), filter_date, 1, 1, false, false},
	{STR_INIT("append"), filter_append, 1, 1, false, false},
	{STR_INIT("prepend"), filter_prepend, 1, 1, false, false},
	{STR_INIT("replace"), filter_replace, 1, 2, false, false},
	{STR_INIT("size"), filter_size, 0, 0, false, false},
	{STR_INIT("raw"), filter_raw, 0, 0, false, true},
};

const struct filter_spec *filter_find(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(filters); i++)
		if (str_equals(filters[i].name, name))
			return &filters[i];
	return NULL;
}

void filter_names(char *out, size_t size)
{
	size_t len = 0;
	for (size_t i = 0; i < ARRAY_LEN(filters) && len < size; i++)
		len += (size_t)snprintf(out + len, size - len, "%s%.*s", i ? ", " : "",
					STR_ARG(filters[i].name));
}
