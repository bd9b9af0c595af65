/* SPDX-License-Identifier: MIT */
/*
 * A file of rows: a CSV or TSV file in whatever encoding and with whatever delimiter, opened once
 * and read from the start as often as needed. A pipe ("-" or a FIFO) is first copied to a
 * temporary file without a name, because detection wants the whole file. Blocking; one thread at a
 * time.
 */
#ifndef EDM_LISTS_SHEET_H
#define EDM_LISTS_SHEET_H

#include "engine/base/err.h"
#include "lists/csv.h"

struct sheet_request {
	const char *path;     /* "-" = standard input */
	const char *encoding; /* NULL or "" = detect */
	char delimiter;	      /* 0 = detect */
};

struct sheet_facts {
	const char *encoding; /* for people; lives as long as the sheet */
	char delimiter;
	bool is_ascii; /* the encoding makes no difference */
	uint64_t size; /* bytes */
};

struct sheet;

/* Called now and then while reading: bytes done of the total. */
typedef void (*sheet_on_progress)(void *ctx, uint64_t done, uint64_t total);

/* Opens and detects. Errors: SYSTEM (cannot be read), INPUT (empty, a workbook, no encoding fits),
 * USAGE (the encoding is not known). *out is set on success only. */
int sheet_open(struct sheet **out, const struct sheet_request *request, struct err *err) NODISCARD;
void sheet_close(struct sheet *s);
struct sheet_facts sheet_facts(const struct sheet *s);
/* From now on sheet_each reports; NULL: no more. */
void sheet_report_to(struct sheet *s, sheet_on_progress on_progress, void *ctx);
/* Gives every row from the first one on. 0: all; 1: on_row stopped it by returning -1; -1: err. */
int sheet_each(struct sheet *s, csv_on_row on_row, void *ctx, struct err *err) NODISCARD;

#endif
