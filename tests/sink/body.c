/* SPDX-License-Identifier: MIT */
/* Message text line by line; see body.h. */
#include "tests/sink/body.h"

#include <string.h>

#define HEAD_MAX (16u * 1024)
#define WHOLE_MAX (64u * 1024 * 1024)
#define LINE_MAX_OCTETS (998u + 2)
#define TERMINATOR_LEN 3u /* ".\r\n": the CRLF before it belongs to the text */

void body_init(struct body *b)
{
	*b = (struct body){0};
	buf_init(&b->kept, HEAD_MAX);
}

void body_done(struct body *b)
{
	buf_done(&b->kept);
}

void body_begin(struct body *b, bool keep_all)
{
	struct buf kept = b->kept;
	*b = (struct body){.kept = kept, .last = '\n', .after_crlf = true};
	buf_clear(&b->kept);
	b->kept.max = keep_all ? WHOLE_MAX : HEAD_MAX;
}

/* A line is whole: ptr is its part in this chunk, the LF included. True: it was the terminator. */
static bool end_line(struct body *b, const char *ptr, size_t len)
{
	size_t whole = b->line_len + len;
	char before_lf = len > 1 ? ptr[len - 2] : b->last;
	char first = b->line_len > 0 ? b->line_first : ptr[0];
	bool is_crlf = whole > 1 && before_lf == '\r';
	bool is_terminator = b->after_crlf && is_crlf && whole == TERMINATOR_LEN && first == '.';
	b->bare_lf += !is_crlf;
	b->long_lines += whole > LINE_MAX_OCTETS;
	b->after_crlf = is_crlf;
	b->line_len = 0;
	b->last = '\n';
	return is_terminator;
}

static void keep(struct body *b, struct str bytes)
{
	size_t room = b->kept.max - b->kept.len;
	b->size += bytes.len;
	buf_append_str(&b->kept, str_slice(bytes, 0, room));
}

size_t body_feed(struct body *b, struct str bytes, bool *ended_out)
{
	const char *at = bytes.ptr, *end = bytes.ptr + bytes.len, *lf;
	*ended_out = false;
	while (at < end && (lf = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		*ended_out = end_line(b, at, (size_t)(lf - at) + 1);
		at = lf + 1;
		if (*ended_out)
			break;
	}
	if (!*ended_out && at < end) {
		if (b->line_len == 0)
			b->line_first = *at;
		b->line_len += (size_t)(end - at);
		b->last = end[-1];
		at = end;
	}
	size_t taken = (size_t)(at - bytes.ptr);
	keep(b, str_slice(bytes, 0, taken));
	if (*ended_out) {
		bool is_whole = b->kept.len == b->size;
		b->size -= TERMINATOR_LEN;
		if (is_whole)
			b->kept.len -= TERMINATOR_LEN;
	}
	return taken;
}

struct str body_header(const struct body *b, struct str name)
{
	struct str rest = buf_str(&b->kept);
	while (rest.len > 0) {
		struct str line = str_take_until(&rest, '\n');
		if (str_trim(line).len == 0)
			break;
		bool is_it = str_starts_with_nocase(line, name) && line.len > name.len &&
			     line.ptr[name.len] == ':';
		if (!is_it)
			continue;
		while (rest.len > 0 && (rest.ptr[0] == ' ' || rest.ptr[0] == '\t')) {
			struct str more = str_take_until(&rest, '\n');
			line.len = (size_t)(more.ptr + more.len - line.ptr);
		}
		return str_trim(str_slice(line, name.len + 1, line.len));
	}
	return STR("");
}

void body_unstuff(const struct body *b, struct buf *out)
{
	struct str rest = buf_str(&b->kept);
	while (rest.len > 0) {
		size_t before = rest.len;
		struct str line = str_take_until(&rest, '\n');
		bool had_lf = before > line.len;
		buf_append_str(out, str_slice(line, line.len > 0 && line.ptr[0] == '.', line.len));
		if (had_lf)
			buf_append_char(out, '\n');
	}
}
