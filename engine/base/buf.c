/* SPDX-License-Identifier: MIT */
/* Growable buffer with a maximum; see buf.h. */
#include "engine/base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAP 64u

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){.max = max};
}

void buf_done(struct buf *b)
{
	if (b == NULL)
		return;
	free(b->data);
	*b = (struct buf){.max = b->max};
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->is_truncated = false;
	if (b->data != NULL)
		b->data[0] = '\0';
}

char *buf_reserve(struct buf *b, size_t n)
{
	if (b->is_truncated || n > b->max - b->len) {
		b->is_truncated = true;
		return NULL;
	}
	size_t need = b->len + n + 1;
	if (need > b->cap) {
		/* Half as much again, or just what somebody knows that he needs. */
		size_t cap = b->cap ? b->cap + b->cap / 2 : FIRST_CAP;
		if (cap < need)
			cap = need;
		b->data = xrealloc(b->data, cap);
		b->cap = cap;
	}
	return b->data + b->len;
}

/* By a copy: shrunk where it is, it would leave holes that fit nobody. */
void buf_fit(struct buf *b)
{
	size_t need = b->len + 1;
	if (b->data == NULL || b->cap == need)
		return;
	char *data = xmalloc(need);
	memcpy(data, b->data, need);
	free(b->data);
	b->data = data;
	b->cap = need;
}

void buf_add(struct buf *b, size_t n)
{
	must(b->len + n < b->cap);
	b->len += n;
	b->data[b->len] = '\0';
}

void buf_append(struct buf *b, const void *ptr, size_t len)
{
	char *to = buf_reserve(b, len);
	if (to == NULL)
		return;
	if (len > 0)
		memcpy(to, ptr, len);
	buf_add(b, len);
}

void buf_append_str(struct buf *b, struct str s)
{
	buf_append(b, s.ptr, s.len);
}

void buf_append_cstr(struct buf *b, const char *s)
{
	buf_append(b, s, strlen(s));
}

void buf_append_char(struct buf *b, char c)
{
	buf_append(b, &c, 1);
}

void buf_appendf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	buf_appendfv(b, fmt, ap);
	va_end(ap);
}

void buf_appendfv(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	must(n >= 0);
	char *to = buf_reserve(b, (size_t)n);
	if (to != NULL) {
		vsnprintf(to, (size_t)n + 1, fmt, again);
		buf_add(b, (size_t)n);
	}
	va_end(again);
}

void buf_append_json(struct buf *b, struct str s)
{
	buf_append_char(b, '"');
	size_t plain = 0; /* start of what can be copied as it is */
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		if (c >= 0x20 && c != '"' && c != '\\')
			continue;
		buf_append_str(b, str_slice(s, plain, i));
		plain = i + 1;
		if (c < 0x20)
			buf_appendf(b, "\\u%04x", c);
		else
			buf_appendf(b, "\\%c", c);
	}
	buf_append_str(b, str_slice(s, plain, s.len));
	buf_append_char(b, '"');
}

void buf_append_u8(struct buf *b, uint8_t v)
{
	buf_append(b, &v, sizeof(v));
}

void buf_append_be16(struct buf *b, uint16_t v)
{
	v = __builtin_bswap16(v);
	buf_append(b, &v, sizeof(v));
}

void buf_append_be32(struct buf *b, uint32_t v)
{
	v = __builtin_bswap32(v);
	buf_append(b, &v, sizeof(v));
}

void buf_append_be64(struct buf *b, uint64_t v)
{
	v = __builtin_bswap64(v);
	buf_append(b, &v, sizeof(v));
}

void buf_consume(struct buf *b, size_t n)
{
	must(n <= b->len);
	if (n == 0)
		return;
	memmove(b->data, b->data + n, b->len - n);
	b->len -= n;
	b->data[b->len] = '\0';
}

struct str buf_str(const struct buf *b)
{
	return str_of(b->data, b->len);
}
