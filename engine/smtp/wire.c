/* SPDX-License-Identifier: MIT */
/* Checks of what goes on the wire; see wire.h. */
#include "engine/smtp/wire.h"

#include <string.h>

#define SCAN_BLOCK 64u

/* Where a body's check stands between two slices. */
struct scan {
	size_t line;	 /* octets of this line so far, a CR not counted */
	bool has_cr;	 /* the last octet was a CR */
	bool has_dot;	 /* the line is one dot so far */
	const char *why; /* what is wrong, or NULL */
};

/* Octets of a line's inside: up to a CR, LF or NUL. */
static void scan_run(struct scan *s, const char *ptr, size_t len)
{
	if (len == 0)
		return;
	if (s->has_cr)
		s->why = "bare CR";
	if (s->has_dot && ptr[0] != '.')
		s->why = "leading dot not doubled";
	s->has_dot = s->line == 0 && ptr[0] == '.';
	if (s->has_dot && len > 1) {
		if (ptr[1] != '.')
			s->why = "leading dot not doubled";
		s->has_dot = false;
	}
	s->line += len;
}

static void scan_stop(struct scan *s, char c)
{
	if (c == '\0') {
		s->why = "NUL";
	} else if (c == '\r') {
		if (s->has_cr)
			s->why = "bare CR";
		s->has_cr = true;
	} else {
		if (!s->has_cr)
			s->why = "bare LF";
		if (s->has_dot)
			s->why = "leading dot not doubled";
		/* A doubled dot may make the line one longer. */
		if (s->line > WIRE_LINE_MAX + 1)
			s->why = "line too long";
		s->has_cr = false;
		s->has_dot = false;
		s->line = 0;
	}
}

/* Octets before the first CR, LF or NUL. */
static size_t run_length(const char *ptr, size_t len)
{
	const char *lf = memchr(ptr, '\n', len);
	size_t n = lf != NULL ? (size_t)(lf - ptr) : len;
	const char *cr = memchr(ptr, '\r', n);
	if (cr != NULL)
		n = (size_t)(cr - ptr);
	const char *nul = memchr(ptr, '\0', n);
	return nul != NULL ? (size_t)(nul - ptr) : n;
}

/* Not 0 if among the n octets at ptr, which follow one that is looked at too, there is a CR or LF
 * without the other, a NUL, or a dot that begins a line. Without a branch: compilers make vector
 * code of it. */
static inline uint8_t find_odd(const char *ptr, size_t n)
{
	uint8_t odd = 0;
	for (size_t i = 0; i < n; i++) {
		char before = ptr[(ptrdiff_t)i - 1], c = ptr[i];
		odd |= (uint8_t)((c == '\n') ^ (before == '\r'));
		odd |= (uint8_t)((c == '.') & (before == '\n'));
		odd |= (uint8_t)(c == '\0');
	}
	return odd;
}

static bool has_long_line(const char *ptr, size_t len)
{
	while (len > WIRE_LINE_MAX + 2) {
		const char *lf = memrchr(ptr, '\n', WIRE_LINE_MAX + 2);
		if (lf == NULL)
			return true;
		len -= (size_t)(lf + 1 - ptr);
		ptr = lf + 1;
	}
	return false;
}

/* Most slices begin with a line and hold nothing odd: octets up to their last line end, or 0 when
 * there is a need to look closer. */
static size_t plain_lines(const char *ptr, size_t len)
{
	const char *last = len > 0 ? memrchr(ptr, '\n', len) : NULL;
	if (last == NULL || ptr[0] == '.' || ptr[0] == '\n' || ptr[0] == '\0')
		return 0;
	size_t end = (size_t)(last - ptr) + 1, at = 1;
	uint8_t odd = 0;
	for (; at + SCAN_BLOCK <= end; at += SCAN_BLOCK)
		odd |= find_odd(ptr + at, SCAN_BLOCK);
	odd |= find_odd(ptr + at, end - at);
	return odd != 0 || has_long_line(ptr, end) ? 0 : end;
}

static void scan_slice(struct scan *s, struct str slice)
{
	size_t at = 0;
	if (s->line == 0 && !s->has_cr && !s->has_dot)
		at = plain_lines(slice.ptr, slice.len);
	while (at < slice.len && s->why == NULL) {
		size_t n = run_length(slice.ptr + at, slice.len - at);
		scan_run(s, slice.ptr + at, n);
		at += n;
		if (at < slice.len)
			scan_stop(s, slice.ptr[at++]);
	}
}

bool wire_is_body(const struct str *slices, size_t count, const char **why_out)
{
	struct scan s = {0};
	size_t total = 0;
	for (size_t i = 0; i < count && s.why == NULL; i++) {
		scan_slice(&s, slices[i]);
		total += slices[i].len;
	}
	if (s.why == NULL && (total == 0 || s.line > 0 || s.has_cr))
		s.why = "does not end in CRLF";
	if (s.why != NULL && why_out != NULL)
		*why_out = s.why;
	return s.why == NULL;
}

int wire_render_body(struct buf *out, struct str text, struct err *err)
{
	size_t start = out->len;
	bool has_end = str_ends_with(text, STR("\r\n"));
	while (text.len > 0) {
		const char *lf = memchr(text.ptr, '\n', text.len);
		size_t n = lf != NULL ? (size_t)(lf - text.ptr) + 1 : text.len;
		if (text.ptr[0] == '.')
			buf_append_char(out, '.');
		buf_append(out, text.ptr, n);
		text = str_slice(text, n, text.len);
	}
	if (!has_end)
		buf_append(out, "\r\n", 2);
	if (out->is_truncated)
		return err_set(err, ERR_INPUT, "message larger than %zu octets", out->max);
	struct str body = str_slice(buf_str(out), start, out->len);
	const char *why;
	if (!wire_is_body(&body, 1, &why))
		return err_set(err, ERR_INPUT, "message is not fit for the wire: %s", why);
	return 0;
}

bool wire_is_path(struct str path, bool is_utf8)
{
	for (size_t i = 0; i < path.len; i++) {
		unsigned char c = (unsigned char)path.ptr[i];
		if (c <= ' ' || c == 0x7f || c == '<' || c == '>' || (c >= 0x80 && !is_utf8))
			return false;
	}
	return path.len <= WIRE_PATH_MAX;
}

bool wire_is_ehlo_name(struct str name)
{
	for (size_t i = 0; i < name.len; i++)
		if (name.ptr[i] <= ' ' || name.ptr[i] > '~')
			return false;
	return name.len > 0 && name.len <= 255;
}
