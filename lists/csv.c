/* SPDX-License-Identifier: MIT */
/*
 * libcsv with line numbers and bounds; see csv.h. The text goes to libcsv one line of the file at a
 * time, which is how a row's first line is known: libcsv itself does not say where it is.
 */
#include "lists/csv.h"

#include <csv.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"

#define BOM "\xEF\xBB\xBF"

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
	return r;
}

void csv_reader_free(struct csv_reader *r)
{
	if (r == NULL)
		return;
	csv_free(&r->parser);
	buf_done(&r->text);
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
	size_t done = csv_parse(&r->parser, line.ptr, line.len, on_cell, on_end_of_row, r);
	if (r->has_stopped)
		return -1;
	if (done != line.len || r->text.is_truncated ||
	    csv_get_buffer_size(&r->parser) > CSV_CELL_MAX)
		return too_long(r, err);
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
