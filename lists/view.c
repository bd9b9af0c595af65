/* SPDX-License-Identifier: MIT */
/* Seeing lists; see view.h. */
#include "lists/view.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/buf.h"
#include "lists/csv.h"
#include "lists/member.h"

#define EXPORT_PAGE 5000	/* members of a statement */
#define EXPORT_PIECE (1u << 20) /* bytes written at once; a member may add as many */
#define EXPORT_TEXT_MAX (64u << 20)

static int load_lists(struct pg_blocking *db, const char *name, struct view *view, struct err *err)
{
	struct pg_params params;
	pg_params_init(&params);
	if (name != NULL)
		pg_add_text(&params, str_from(name));
	else
		pg_add_null(&params, PG_TEXT);
	int rc = pg_run(db, "lists/show_lists", &params, &view->rows[0], err);
	pg_params_done(&params);
	const struct pg_rows *rows = view->rows[0];
	size_t count = (size_t)pg_rows_count(rows);
	view->lists = xcalloc(count + 1, sizeof(*view->lists));
	for (int i = 0; i < (int)count; i++)
		view->lists[i] = (struct view_list){
			.list_id = pg_int32(rows, i, 0),
			.name = pg_text(rows, i, 1),
			.description = pg_text(rows, i, 2),
			.created_by = pg_text(rows, i, 3),
			.created_at_us = pg_time(rows, i, 4),
			.subscribed = (uint64_t)pg_int(rows, i, 5),
			.unsubscribed = (uint64_t)pg_int(rows, i, 6),
			.complained = (uint64_t)pg_int(rows, i, 7),
			.imports = (uint64_t)pg_int(rows, i, 8),
		};
	view->list_count = count;
	return rc;
}

static void read_domains(struct view *view, const struct pg_rows *rows)
{
	view->domain_count = (size_t)pg_rows_count(rows);
	view->domains = xcalloc(view->domain_count + 1, sizeof(*view->domains));
	for (int i = 0; i < (int)view->domain_count; i++)
		view->domains[i] = (struct view_domain){.name = pg_text(rows, i, 0),
							.members = (uint64_t)pg_int(rows, i, 1),
							.provider = pg_text(rows, i, 2)};
}

static void read_imports(struct view *view, const struct pg_rows *rows)
{
	view->import_count = (size_t)pg_rows_count(rows);
	view->imports = xcalloc(view->import_count + 1, sizeof(*view->imports));
	for (int i = 0; i < (int)view->import_count; i++)
		view->imports[i] = (struct view_import){
			.import_id = pg_int32(rows, i, 0),
			.file = pg_text(rows, i, 1),
			.encoding = pg_text(rows, i, 2),
			.mode = (int)pg_int(rows, i, 3),
			.rows = (uint64_t)pg_int(rows, i, 4),
			.added = (uint64_t)pg_int(rows, i, 5),
			.updated = (uint64_t)pg_int(rows, i, 6),
			.unchanged = (uint64_t)pg_int(rows, i, 7),
			.duplicates = (uint64_t)pg_int(rows, i, 8),
			.refused = (uint64_t)pg_int(rows, i, 9),
			.kept_out = (uint64_t)pg_int(rows, i, 10),
			.imported_by = pg_text(rows, i, 11),
			.imported_at_us = pg_time(rows, i, 12),
			.undone_at_us = pg_time(rows, i, 13),
		};
}

static void read_attributes(struct view *view, const struct pg_rows *rows)
{
	view->attribute_count = (size_t)pg_rows_count(rows);
	view->attributes = xcalloc(view->attribute_count + 1, sizeof(*view->attributes));
	for (int i = 0; i < (int)view->attribute_count; i++)
		view->attributes[i] = (struct view_attribute){
			.name = pg_text(rows, i, 0), .members = (uint64_t)pg_int(rows, i, 1)};
}

int view_load(struct pg_blocking *db, const char *name, int limit, struct view *view,
	      struct err *err)
{
	*view = (struct view){0};
	int32_t id = 0;
	if (name != NULL && lists_find(db, name, &id, err) != 0)
		return -1;
	if (load_lists(db, name, view, err) != 0 || name == NULL)
		return view->rows[0] != NULL ? 0 : -1;
	struct pg_params params;
	pg_params_init(&params);
	pg_add_int4(&params, id);
	int rc = pg_run(db, "lists/list_attribute_names", &params, &view->rows[3], err);
	pg_add_int4(&params, limit);
	if (rc == 0)
		rc = pg_run(db, "lists/show_list_domains", &params, &view->rows[1], err);
	if (rc == 0)
		rc = pg_run(db, "lists/show_list_imports", &params, &view->rows[2], err);
	pg_params_done(&params);
	read_domains(view, view->rows[1]);
	read_imports(view, view->rows[2]);
	read_attributes(view, view->rows[3]);
	return rc;
}

void view_done(struct view *view)
{
	for (size_t i = 0; i < ARRAY_LEN(view->rows); i++)
		pg_rows_free(view->rows[i]);
	free(view->lists);
	free(view->domains);
	free(view->imports);
	free(view->attributes);
	*view = (struct view){0};
}

/* Where an export stands. */
struct export_run {
	struct pg_blocking *db;
	int32_t list_id;
	struct pg_array names; /* of the attributes */
	int32_t domain_id;     /* of the last member written */
	int64_t rid;
	FILE *out;
	uint64_t members;
};

static void append_cell(struct buf *line, struct str cell)
{
	struct buf guarded;
	buf_append_char(line, ',');
	if (cell.len == 0 || cell.ptr[0] == '\0' || strchr("=+-@\t\r", cell.ptr[0]) == NULL) {
		csv_write_cell(line, cell);
		return;
	}
	buf_init(&guarded, cell.len + 1);
	buf_append_char(&guarded, '\'');
	buf_append_str(&guarded, cell);
	csv_write_cell(line, buf_str(&guarded));
	buf_done(&guarded);
}

static int put(FILE *out, struct buf *text, struct err *err)
{
	size_t written = fwrite(text->data, 1, text->len, out);
	return written == text->len ? 0 : err_errno(err, errno, "cannot write the export");
}

static int write_header(struct export_run *x, const struct pg_rows *names, struct err *err)
{
	struct buf line;
	buf_init(&line, 1u << 20);
	buf_append_cstr(&line, "\xEF\xBB\xBF"
			       "email,edm_status,edm_consent");
	int count = pg_rows_count(names);
	for (int i = 0; i < count; i++) {
		append_cell(&line, pg_text(names, i, 0));
		pg_array_text(&x->names, pg_text(names, i, 0));
	}
	buf_append_cstr(&line, "\r\n");
	int rc = put(x->out, &line, err);
	buf_done(&line);
	return rc;
}

static void append_member(struct buf *text, const struct pg_rows *rows, int row)
{
	struct pg_items values = pg_items(rows, row, 6);
	struct str value;
	csv_write_cell(text, pg_text(rows, row, 2));
	append_cell(text, str_from(member_status_name((enum member_status)pg_int(rows, row, 3))));
	append_cell(text, pg_text(rows, row, 4));
	while (pg_next_text(&values, &value))
		append_cell(text, value);
	buf_append_cstr(text, "\r\n");
}

static int write_members(struct export_run *x, const struct pg_rows *rows, struct err *err)
{
	struct buf text;
	int rc = 0, count = pg_rows_count(rows);
	buf_init(&text, EXPORT_TEXT_MAX);
	for (int i = 0; i < count && rc == 0; i++) {
		append_member(&text, rows, i);
		must(!text.is_truncated);
		x->domain_id = pg_int32(rows, i, 0);
		x->rid = pg_int(rows, i, 1);
		if (text.len < EXPORT_PIECE && i + 1 < count)
			continue;
		rc = put(x->out, &text, err);
		buf_clear(&text);
	}
	x->members += (uint64_t)count;
	buf_done(&text);
	return rc;
}

/* The next page; *count_out members. */
static int export_page(struct export_run *x, int *count_out, struct err *err)
{
	struct pg_params params;
	struct pg_rows *rows = NULL;
	pg_params_init(&params);
	pg_add_int4(&params, x->list_id);
	pg_add_int4(&params, x->domain_id);
	pg_add_int8(&params, x->rid);
	pg_add_int4(&params, EXPORT_PAGE);
	pg_add_array(&params, &x->names);
	int rc = pg_run(x->db, "lists/export_members", &params, &rows, err);
	*count_out = pg_rows_count(rows);
	if (rc == 0)
		rc = write_members(x, rows, err);
	pg_rows_free(rows);
	pg_params_done(&params);
	return rc;
}

int view_export(struct pg_blocking *db, const char *name, FILE *out, uint64_t *members_out,
		struct err *err)
{
	struct export_run x = {.db = db, .out = out, .domain_id = INT32_MIN, .rid = INT64_MIN};
	struct pg_params params;
	struct pg_rows *names = NULL;
	if (lists_find(db, name, &x.list_id, err) != 0)
		return -1;
	pg_params_init(&params);
	pg_add_int4(&params, x.list_id);
	pg_array_init(&x.names, PG_TEXT);
	int rc = pg_run(db, "lists/list_attribute_names", &params, &names, err);
	if (rc == 0)
		rc = write_header(&x, names, err);
	int count = EXPORT_PAGE;
	while (rc == 0 && count == EXPORT_PAGE)
		rc = export_page(&x, &count, err);
	if (rc == 0 && fflush(out) != 0)
		rc = err_errno(err, errno, "cannot write the export");
	pg_rows_free(names);
	pg_array_done(&x.names);
	pg_params_done(&params);
	if (rc == 0)
		*members_out = x.members;
	return rc;
}
