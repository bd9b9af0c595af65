/* SPDX-License-Identifier: MIT */
/* Body parts, see part.h. */
#include "engine/mail/part.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/arena.h"

#define ENCODED_MAX (16u << 20) /* of one segment: TEMPLATE_SOURCE_MAX × 3 and line ends */
#define VALUE_HINT 128u		/* of one value, encoded */
#define CHUNK_BYTES 768u	/* whole groups of three */

/* Encoded lines, and the same made canonical (mostly the same bytes). */
struct piece {
	struct str lines;
	struct str canonical;
};

struct segment {
	struct piece piece;  /* quoted-printable and 7bit */
	struct str text;     /* base64: with CRLF */
	struct str chars[3]; /* base64: of the text without so many bytes, in groups of four */
};

struct part {
	struct template *t;
	enum mime_encoding encoding;
	struct segment *segments;
	struct arena arena; /* what the segments point to */
};

/* Appends text with every line end as CRLF. */
static void append_crlf(struct str text, struct buf *out)
{
	size_t done = 0;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.ptr[i];
		if (c != '\n' && c != '\r')
			continue;
		buf_append_str(out, str_slice(text, done, i));
		buf_append_cstr(out, "\r\n");
		if (c == '\r' && i + 1 < text.len && text.ptr[i + 1] == '\n')
			i++;
		done = i + 1;
	}
	buf_append_str(out, str_slice(text, done, text.len));
}

/* Empties made into a piece. */
static struct piece keep_piece(struct part *p, struct buf *made)
{
	struct buf canonical;
	buf_init(&canonical, ENCODED_MAX);
	dkim_canonical_lines(buf_str(made), &canonical);
	struct piece piece = {.lines = arena_str(&p->arena, buf_str(made))};
	bool is_same = str_equals(buf_str(&canonical), piece.lines);
	piece.canonical = is_same ? piece.lines : arena_str(&p->arena, buf_str(&canonical));
	must(!made->is_truncated && !canonical.is_truncated);
	buf_done(&canonical);
	buf_clear(made);
	return piece;
}

static void encode_base64_segment(struct part *p, struct segment *segment, struct str source,
				  struct buf *scratch)
{
	append_crlf(source, scratch);
	segment->text = arena_str(&p->arena, buf_str(scratch));
	buf_clear(scratch);
	for (size_t skipped = 0; skipped < 3; skipped++) {
		struct str rest = str_slice(segment->text, skipped, segment->text.len);
		rest = str_slice(rest, 0, rest.len - rest.len % 3);
		char *chars = arena_alloc(&p->arena, MIME_BASE64_CHARS(rest.len) + 1);
		segment->chars[skipped] = str_of(chars, mime_base64_chars(rest, chars));
	}
}

static enum mime_encoding choose_encoding(const struct template *t)
{
	size_t plain = 0;
	size_t quoted = 0;
	bool is_7bit = template_is_static(t);
	for (size_t i = 0; i < template_segment_count(t); i++) {
		struct str text = template_segment(t, i);
		is_7bit = is_7bit && template_segment_count(t) == 1 && mime_is_7bit(text);
		plain += text.len;
		quoted += mime_quoted_printable_size(text);
	}
	if (is_7bit)
		return MIME_7BIT;
	return quoted <= plain / 3 * 4 + 4 ? MIME_QUOTED_PRINTABLE : MIME_BASE64;
}

struct part *part_new(struct template *t)
{
	struct part *p = xcalloc(1, sizeof(*p));
	struct buf scratch;
	p->t = t;
	p->encoding = choose_encoding(t);
	p->segments = xcalloc(template_segment_count(t), sizeof(*p->segments));
	arena_init(&p->arena, 0);
	buf_init(&scratch, ENCODED_MAX);
	for (size_t i = 0; i < template_segment_count(t); i++) {
		struct str text = template_segment(t, i);
		if (p->encoding == MIME_BASE64) {
			encode_base64_segment(p, &p->segments[i], text, &scratch);
			continue;
		}
		if (p->encoding == MIME_7BIT)
			mime_7bit(text, &scratch);
		else
			mime_quoted_printable(text, &scratch);
		p->segments[i].piece = keep_piece(p, &scratch);
	}
	buf_done(&scratch);
	return p;
}

void part_free(struct part *p)
{
	if (p == NULL)
		return;
	template_free(p->t);
	arena_done(&p->arena);
	free(p->segments);
	free(p);
}

enum mime_encoding part_encoding(const struct part *p)
{
	return p->encoding;
}

const struct template *part_template(const struct part *p)
{
	return p->t;
}

size_t part_size_hint(const struct part *p)
{
	size_t size = 0;
	for (size_t i = 0; i < template_segment_count(p->t); i++) {
		const struct segment *segment = &p->segments[i];
		size_t chars = segment->chars[0].len;
		size += segment->piece.lines.len + chars + 2 * (chars / MIME_BASE64_LINE + 1) +
			VALUE_HINT;
	}
	return size;
}

struct rendering {
	const struct part *part;
	struct body_writer *w;
};

static void write_piece(struct body_writer *w, const struct piece *piece)
{
	buf_append_str(w->out, piece->lines);
	if (w->hash != NULL)
		body_hash_update_canonical(w->hash, piece->canonical);
}

/* Hashes what was appended to out since it had start bytes. */
static void hash_new(struct body_writer *w, size_t start)
{
	if (w->hash != NULL)
		body_hash_update(w->hash, str_slice(buf_str(w->out), start, w->out->len));
}

static void put_segment(void *ctx, size_t index)
{
	const struct rendering *r = ctx;
	write_piece(r->w, &r->part->segments[index].piece);
}

static void put_value(void *ctx, struct str value)
{
	const struct rendering *r = ctx;
	size_t start = r->w->out->len;
	mime_quoted_printable(value, r->w->out);
	hash_new(r->w, start);
}

/* Appends base64 with the line ends that are due. */
static void put_chars(struct body_writer *w, struct str chars)
{
	size_t lines = (w->column + chars.len) / MIME_BASE64_LINE;
	size_t first = lines > 0 ? MIME_BASE64_LINE - w->column : 0;
	char *start = buf_reserve(w->out, chars.len + 2 * lines), *to = start;
	const char *from = chars.ptr, *end = chars.ptr + chars.len;
	if (start == NULL || chars.len == 0)
		return;
	if (lines > 0) {
		memcpy(to, from, first);
		memcpy(to + first, "\r\n", 2);
		to += first + 2;
		from += first;
	}
	for (size_t i = 1; i < lines; i++) { /* of a size the compiler knows: no call */
		memcpy(to, from, MIME_BASE64_LINE);
		memcpy(to + MIME_BASE64_LINE, "\r\n", 2);
		to += MIME_BASE64_LINE + 2;
		from += MIME_BASE64_LINE;
	}
	size_t rest = (size_t)(end - from);
	memcpy(to, from, rest);
	w->column = lines > 0 ? rest : w->column + rest;
	buf_add(w->out, (size_t)(to - start) + rest);
}

static void flush_base64(struct body_writer *w)
{
	char chars[MIME_BASE64_CHARS(CHUNK_BYTES) + 1];
	for (struct str rest = buf_str(w->pending); rest.len > 0;) {
		struct str chunk = str_slice(rest, 0, CHUNK_BYTES);
		put_chars(w, str_of(chars, mime_base64_chars(chunk, chars)));
		rest = str_slice(rest, chunk.len, rest.len);
	}
	buf_clear(w->pending);
}

static void put_base64_segment(void *ctx, size_t index)
{
	const struct rendering *r = ctx;
	struct body_writer *w = r->w;
	const struct segment *segment = &r->part->segments[index];
	size_t skipped = (3 - w->pending->len % 3) % 3;
	buf_append_str(w->pending, str_slice(segment->text, 0, skipped));
	if (segment->text.len < skipped)
		return;
	flush_base64(w);
	put_chars(w, segment->chars[skipped]);
	size_t left = (segment->text.len - skipped) % 3;
	buf_append_str(w->pending,
		       str_slice(segment->text, segment->text.len - left, segment->text.len));
}

static void put_base64_value(void *ctx, struct str value)
{
	const struct rendering *r = ctx;
	append_crlf(value, r->w->pending);
}

/* What is left, and the end of the last line; all of it is canonical as it is. */
static void end_base64(struct body_writer *w, size_t start)
{
	flush_base64(w);
	if (w->column > 0)
		buf_append_cstr(w->out, "\r\n");
	if (w->hash != NULL)
		body_hash_update_canonical(w->hash, str_slice(buf_str(w->out), start, w->out->len));
}

int part_render(const struct part *p, const struct template_values *values, struct body_writer *w,
		struct err *err)
{
	bool is_base64 = p->encoding == MIME_BASE64;
	struct rendering rendering = {p, w};
	struct template_sink sink = {is_base64 ? put_base64_segment : put_segment,
				     is_base64 ? put_base64_value : put_value, &rendering};
	size_t start = w->out->len;
	buf_clear(w->pending);
	w->column = 0;
	if (template_walk(p->t, values, w->scratch, &sink, err) != 0)
		return -1;
	if (is_base64)
		end_base64(w, start);
	start = w->out->len;
	if (p->encoding == MIME_QUOTED_PRINTABLE)
		mime_quoted_printable_end(w->out);
	hash_new(w, start);
	if (w->out->is_truncated || w->pending->is_truncated)
		return err_set(err, ERR_INPUT, "the message has more than %zu bytes", w->out->max);
	return 0;
}
