/* SPDX-License-Identifier: MIT */
/* Checks of what goes on the wire; see wire.h. */
#include "engine/smtp/wire.h"

#include <string.h>

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

/* Most lines begin and end within the slice and have nothing to object to: octets of those at ptr,
 * up to the first that needs a closer look. No NUL is among them. */
static size_t plain_lines(const char *ptr, size_t len)
{
	size_t at = 0;
	while (at < len && ptr[at] != '.') {
		const char *lf = memchr(ptr + at, '\n', len - at);
		size_t n = lf != NULL ? (size_t)(lf - ptr) - at : 0;
		if (n == 0 || n > WIRE_LINE_MAX + 1 || lf[-1] != '\r' ||
		    memchr(ptr + at, '\r', n - 1) != NULL)
			break;
		at += n + 1;
	}
	return at;
}

static void scan_slice(struct scan *s, struct str slice)
{
	size_t at = 0;
	bool is_at_line = s->line == 0 && !s->has_cr && !s->has_dot;
	if (is_at_line && slice.len > 0 && memchr(slice.ptr, '\0', slice.len) == NULL)
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
