/* SPDX-License-Identifier: MIT */
/* The file of refused rows; see refused.h. */
#include "lists/refused.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/buf.h"

#define LINE_MAX_BYTES (4 * (size_t)CSV_ROW_MAX)

void refused_init(struct refused *r, const char *path)
{
	size_t size = strlen(path) + sizeof(".part");
	*r = (struct refused){.path = xstrdup(path), .part_path = xmalloc(size)};
	snprintf(r->part_path, size, "%s.part", path);
}

static int put(struct refused *r, struct buf *line, struct err *err)
{
	buf_append_cstr(line, "\r\n");
	size_t written = fwrite(line->data, 1, line->len, r->file);
	int rc = written == line->len ? 0 : err_errno(err, errno, "cannot write %s", r->part_path);
	buf_done(line);
	return rc;
}

static int begin(struct refused *r, const struct mapping *m, struct err *err)
{
	struct buf line;
	r->file = fopen(r->part_path, "we");
	if (r->file == NULL)
		return err_errno(err, errno, "cannot make %s; name another with --refused",
				 r->part_path);
	buf_init(&line, LINE_MAX_BYTES);
	buf_append_cstr(&line, "\xEF\xBB\xBF"
			       "refused_line,refused_reason");
	for (size_t i = 0; i < m->count; i++) {
		buf_append_char(&line, ',');
		csv_write_cell(&line, m->columns[i].header);
	}
	return put(r, &line, err);
}

int refused_write(struct refused *r, const struct mapping *m, const struct csv_row *row,
		  const char *reason, struct err *err)
{
	if (r->file == NULL && begin(r, m, err) != 0)
		return -1;
	struct buf line;
	buf_init(&line, LINE_MAX_BYTES);
	buf_appendf(&line, "%llu,", (unsigned long long)row->line);
	csv_write_cell(&line, str_from(reason));
	for (size_t i = 0; i < row->count && i < CSV_CELLS_MAX; i++) {
		buf_append_char(&line, ',');
		csv_write_cell(&line, row->cells[i]);
	}
	r->count++;
	return put(r, &line, err);
}

int refused_commit(struct refused *r, struct err *err)
{
	if (r->file == NULL)
		return 0;
	int rc = fclose(r->file);
	r->file = NULL;
	if (rc != 0 || rename(r->part_path, r->path) != 0)
		return err_errno(err, errno, "cannot write %s", r->path);
	return 0;
}

void refused_done(struct refused *r)
{
	if (r->file != NULL) {
		fclose(r->file);
		unlink(r->part_path);
	}
	free(r->path);
	free(r->part_path);
	*r = (struct refused){0};
}
