/* SPDX-License-Identifier: MIT */
/* Tables and JSON values for the verbs; see table_private.h. */
#include <stdlib.h>

#include "scheduler/cli/table_private.h"

static void add(struct table *t, const char *cell)
{
	if (t->count == t->room) {
		t->room = t->room ? 2 * t->room : 64;
		t->cells = xrealloc(t->cells, t->room * sizeof(t->cells[0]));
	}
	t->cells[t->count++] = cell;
}

void table_init(struct table *t, const char *headings)
{
	struct str rest = str_from(headings);
	*t = (struct table){0};
	arena_init(&t->arena, 0);
	while (rest.len > 0) {
		table_str(t, str_take_until(&rest, '|'));
		t->columns++;
	}
}

void table_cell(struct table *t, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	table_str(t, str_from(text));
}

void table_str(struct table *t, struct str cell)
{
	add(t, arena_cstr(&t->arena, cell));
}

void table_str_or_dash(struct table *t, struct str cell)
{
	table_str(t, str_is_empty(cell) ? STR("-") : cell);
}

size_t table_rows(const struct table *t)
{
	return t->count / t->columns - 1;
}

void table_print(struct table *t, struct cli *cli, const char *when_empty)
{
	must(t->count % t->columns == 0);
	if (table_rows(t) == 0)
		cli_printf(cli, "%s\n", when_empty);
	else
		cli_print_table(cli, t->cells, t->count / t->columns, t->columns);
	table_done(t);
}

void table_done(struct table *t)
{
	free(t->cells);
	arena_done(&t->arena);
	*t = (struct table){0};
}

json_t *json_of_str(struct str s)
{
	return json_stringn(s.ptr ? s.ptr : "", s.len);
}

json_t *json_of_text_or_null(struct str s)
{
	return str_is_empty(s) ? json_null() : json_of_str(s);
}
