/* SPDX-License-Identifier: MIT */
/*
 * libcsv with line numbers and bounds; see csv.h. The text goes to libcsv one line of the file at a
 * time, which is how a row's first line is known: libcsv itself does not say where it is.
 *
 * libcsv takes a quote inside a quoted cell that is neither doubled nor at its end for text, and
 * the cell for open: one such cell would swallow the file. So what follows a closing quote is moved
 * inside of it before libcsv sees it (tidy).
 */
#include "lists/csv.h"

#include <csv.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"

#define BOM "\xEF\xBB\xBF"
#define PIECE 65536u /* of a line, tidied at a time */

/* Where in a cell the text is that tidy has seen. */
enum place {
	PLACE_START,  /* nothing of it yet, but perhaps blanks */
	PLACE_BARE,   /* in a cell without quotes */
	PLACE_QUOTED, /* between its quotes */
	PLACE_CLOSED, /* a quote that may be its last, perhaps blanks: they are held back */
	PLACE_TAIL,   /* in what follows the quotes; libcsv believes they are still open */
};

struct csv_reader {
	struct csv_parser parser;
	csv_on_row on_row;
	void *ctx;
	char delimiter;
	uint64_t line;	   /* of the text being fed */
	uint64_t row_line; /* where the open row began */
	bool row_is_open;  /* some of a row was read, its end was not */
	bool is_in_line;   /* the line has begun: a byte order mark is part of it now */
	bool was_cr;	   /* the last line ended in CR: a LF now belongs to it */
	bool has_stopped;
	enum place place;
	struct buf held;		 /* of PLACE_CLOSED */
	struct buf tidied;		 /* the piece as libcsv gets it */
	struct buf text;		 /* the cells of the open row, end to end */
	size_t ends[CSV_CELLS_MAX];	 /* where each ends in text */
	struct str cells[CSV_CELLS_MAX]; /* filled for the callback */
	size_t count;
};

struct csv_reader *csv_reader_new(char delimiter, csv_on_row on_row, void *ctx)
{
	struct csv_reader *r = xcalloc(1, sizeof(*r));
	must(csv_init(&r->parser, 0) == 0);
	csv_set_delim(&r->parser, (unsigned char)delimiter);
	csv_set_blk_size(&r->parser, 4096);
	r->on_row = on_row;
	r->ctx = ctx;
	r->delimiter = delimiter;
	r->line = 1;
	buf_init(&r->text, CSV_ROW_MAX);
	buf_init(&r->held, PIECE);
	buf_init(&r->tidied, 4 * PIECE);
	return r;
}

void csv_reader_free(struct csv_reader *r)
{
	if (r == NULL)
		return;
	csv_free(&r->parser);
	buf_done(&r->text);
	buf_done(&r->held);
	buf_done(&r->tidied);
	free(r);
}

static void on_cell(void *cell, size_t len, void *arg)
{
	struct csv_reader *r = arg;
	if (r->count < CSV_CELLS_MAX) {
		buf_append(&r->text, cell, len);
		r->ends[r->count] = r->text.len;
	}
	r->count++;
}

static void on_end_of_row(int terminator, void *arg)
{
	(void)terminator;
	struct csv_reader *r = arg;
	size_t start = 0;
	for (size_t i = 0; i < r->count && i < CSV_CELLS_MAX; i++) {
		r->cells[i] = str_slice(buf_str(&r->text), start, r->ends[i]);
		start = r->ends[i];
	}
	struct csv_row row = {.line = r->row_line, .count = r->count, .cells = r->cells};
	if (!r->has_stopped && !r->text.is_truncated && r->on_row(r->ctx, &row) != 0)
		r->has_stopped = true;
	r->row_is_open = false;
	r->count = 0;
	if (!r->text.is_truncated)
		buf_clear(&r->text);
}

static int too_long(const struct csv_reader *r, struct err *err)
{
	return err_set(err, ERR_INPUT,
		       "the row that begins on line %llu does not end: most likely a quote (\") is "
		       "opened there and never closed",
		       (unsigned long long)r->row_line);
}

static bool is_blank(const struct csv_reader *r, struct str line)
{
	for (size_t i = 0; i < line.len; i++)
		if (!ascii_is_space(line.ptr[i]) || line.ptr[i] == r->delimiter)
			return false;
	return true;
}

static bool ends_cell(const struct csv_reader *r, char c)
{
	return c == r->delimiter || c == '\n' || c == '\r';
}

static bool is_cell_blank(char c)
{
	return c == ' ' || c == '\t';
}

static void put(struct csv_reader *r, char c)
{
	if (c == '"' && r->place == PLACE_TAIL)
		buf_append_char(&r->tidied, '"');
	buf_append_char(&r->tidied, c);
}

/* A quote in a quoted cell, and what follows it. */
static void tidy_closed(struct csv_reader *r, char c)
{
	if (!ends_cell(r, c) && is_cell_blank(c)) {
		buf_append_char(&r->held, c);
		return;
	}
	bool is_doubled = c == '"' && r->held.len == 1;
	if (ends_cell(r, c) || is_doubled) {
		buf_append_str(&r->tidied, buf_str(&r->held));
		r->place = is_doubled ? PLACE_QUOTED : PLACE_START;
	} else {
		buf_append_str(&r->tidied, str_slice(buf_str(&r->held), 1, r->held.len));
		r->place = PLACE_TAIL;
	}
	buf_clear(&r->held);
	put(r, c);
}

static void tidy_char(struct csv_reader *r, char c)
{
	bool is_end = ends_cell(r, c);
	switch (r->place) {
	case PLACE_START:
		if (!is_end && !is_cell_blank(c))
			r->place = c == '"' ? PLACE_QUOTED : PLACE_BARE;
		break;
	case PLACE_BARE:
		if (is_end)
			r->place = PLACE_START;
		break;
	case PLACE_QUOTED:
		if (c == '"') {
			buf_append_char(&r->held, c);
			r->place = PLACE_CLOSED;
			return;
		}
		break;
	case PLACE_CLOSED:
		tidy_closed(r, c);
		return;
	case PLACE_TAIL:
		if (is_end) {
			buf_append_char(&r->tidied, '"');
			r->place = PLACE_START;
		}
		break;
	}
	put(r, c);
}

/* A piece of a line as libcsv is to see it. */
static struct str tidy(struct csv_reader *r, struct str piece)
{
	char last = piece.ptr[piece.len - 1];
	bool is_plain = r->place <= PLACE_BARE && str_find_char(piece, '"') < 0;
	if (is_plain && (last == '\n' || last == '\r')) {
		r->place = PLACE_START;
		return piece;
	}
	buf_clear(&r->tidied);
	for (size_t i = 0; i < piece.len; i++)
		tidy_char(r, piece.ptr[i]);
	return buf_str(&r->tidied);
}

static int parse(struct csv_reader *r, struct str piece, struct err *err)
{
	struct str tidied = tidy(r, piece);
	size_t done = csv_parse(&r->parser, tidied.ptr, tidied.len, on_cell, on_end_of_row, r);
	if (r->has_stopped)
		return -1;
	if (done != tidied.len || r->text.is_truncated ||
	    csv_get_buffer_size(&r->parser) > CSV_CELL_MAX)
		return too_long(r, err);
	return 0;
}

/* One line, with its end if that was read. */
static int feed_line(struct csv_reader *r, struct str line, struct err *err)
{
	if (!r->row_is_open) {
		while (!r->is_in_line && str_starts_with(line, STR(BOM)))
			line = str_slice(line, 3, line.len);
		r->is_in_line = r->is_in_line || line.len > 0;
		if (is_blank(r, line))
			return 0;
		r->row_is_open = true;
		r->row_line = r->line;
	}
	for (size_t at = 0; at < line.len; at += PIECE)
		if (parse(r, str_slice(line, at, at + PIECE), err) != 0)
			return -1;
	return 0;
}

/* The line that *rest begins with, its end included, taken off. */
static struct str take_line(struct str *rest)
{
	size_t len = 0;
	while (len < rest->len && rest->ptr[len] != '\n' && rest->ptr[len] != '\r')
		len++;
	len += len < rest->len;
	struct str line = str_slice(*rest, 0, len);
	*rest = str_slice(*rest, len, rest->len);
	return line;
}

int csv_reader_feed(struct csv_reader *r, struct str text, struct err *err)
{
	while (text.len > 0) {
		struct str line = take_line(&text);
		if (feed_line(r, line, err) != 0)
			return -1;
		char last = line.ptr[line.len - 1];
		if (last == '\r' || (last == '\n' && !(line.len == 1 && r->was_cr)))
			r->line++;
		r->was_cr = last == '\r';
		if (last == '\r' || last == '\n')
			r->is_in_line = false;
	}
	return 0;
}

/* A line end closes any row but one with an open quote. */
int csv_reader_finish(struct csv_reader *r, struct err *err)
{
	if (!r->row_is_open)
		return 0;
	if (feed_line(r, STR("\n"), err) != 0)
		return -1;
	return r->row_is_open ? too_long(r, err) : 0;
}

void csv_write_cell(struct buf *out, struct str cell)
{
	bool is_plain = true;
	for (size_t i = 0; i < cell.len && is_plain; i++)
		is_plain = strchr("\",;\t\r\n", cell.ptr[i]) == NULL;
	if (is_plain && (cell.len == 0 || (cell.ptr[0] != ' ' && cell.ptr[cell.len - 1] != ' '))) {
		buf_append_str(out, cell);
		return;
	}
	buf_append_char(out, '"');
	while (cell.len > 0) {
		bool has_quote = str_find_char(cell, '"') >= 0;
		buf_append_str(out, str_take_until(&cell, '"'));
		if (has_quote)
			buf_append_cstr(out, "\"\"");
	}
	buf_append_char(out, '"');
}
