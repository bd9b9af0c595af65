/* SPDX-License-Identifier: MIT */
/*
 * A stream of UTF-8 text cut into rows and cells (RFC 4180, with the delimiter given), by libcsv.
 *
 * A row knows the line of the file it begins on: quoted cells may hold line ends, lines may end in
 * LF, CR LF or CR, and blank lines are passed over. A byte order mark at the beginning of any row
 * is dropped (files get glued together). Blanks around unquoted cells are dropped. Text behind a
 * closing quote belongs to the cell: "Ann" Smith is Ann Smith. One thread at a time.
 */
#ifndef EDM_LISTS_CSV_H
#define EDM_LISTS_CSV_H

#include "engine/base/err.h"
#include "engine/base/str.h"

#define CSV_CELLS_MAX 256	  /* cells of a row that are kept */
#define CSV_CELL_MAX (64u << 10)  /* bytes of a cell; a longer one is a quote that never closes */
#define CSV_ROW_MAX (1024u << 10) /* bytes of a row's cells together */

struct csv_row {
	uint64_t line;		 /* where it begins, from 1 */
	size_t count;		 /* cells in the file; only the first CSV_CELLS_MAX are in cells */
	const struct str *cells; /* valid during the callback */
};

struct csv_reader;

/* Called for each row, in order. 0 to go on, -1 to stop (csv_reader_feed then returns -1). */
typedef int (*csv_on_row)(void *ctx, const struct csv_row *row);

struct csv_reader *csv_reader_new(char delimiter, csv_on_row on_row, void *ctx);
void csv_reader_free(struct csv_reader *r);
/* The next text, whole characters. -1: a cell or row is too long (err says which line), or on_row
 * stopped (err untouched). */
int csv_reader_feed(struct csv_reader *r, struct str text, struct err *err) NODISCARD;
/* The end of the text: gives the last row if it has no line end. -1: as above, or a quoted cell is
 * still open. */
int csv_reader_finish(struct csv_reader *r, struct err *err) NODISCARD;

/* Appends a cell to out as RFC 4180 writes it: quoted only where needed. */
struct buf;
void csv_write_cell(struct buf *out, struct str cell);

#endif
