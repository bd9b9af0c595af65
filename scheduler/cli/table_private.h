/* SPDX-License-Identifier: MIT */
/*
 * A table under construction: cells are added from left to right, row by row, the heading first.
 * Printed by cli_print_table, which knows the width of Chinese.
 */
#ifndef EDM_SCHEDULER_CLI_TABLE_PRIVATE_H
#define EDM_SCHEDULER_CLI_TABLE_PRIVATE_H

#include "engine/base/arena.h"
#include "scheduler/cli/cli.h"

struct table {
	struct arena arena; /* of the texts */
	const char **cells;
	size_t count, room;
	size_t columns;
};

/* headings: one a column, separated by '|'. */
void table_init(struct table *t, const char *headings);
/* The next cell; control characters do not get in, because no caller has any. */
void table_cell(struct table *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
void table_str(struct table *t, struct str cell);
/* "-" when the text is empty. */
void table_str_or_dash(struct table *t, struct str cell);
/* Frees it unprinted. */
void table_done(struct table *t);
size_t table_rows(const struct table *t); /* without the heading */
/* Prints it and frees it; when it has no rows, prints the sentence instead. */
void table_print(struct table *t, struct cli *cli, const char *when_empty);

/* A JSON string of a slice, for json_pack's "o". */
json_t *json_of_str(struct str s);
/* The same, null when the text is empty. */
json_t *json_of_text_or_null(struct str s);

#endif
