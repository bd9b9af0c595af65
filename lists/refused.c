/* SPDX-License-Identifier: MIT */
/* The file of refused rows; see refused.h. */
#include "lists/refused.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/buf.h"

#define NUMBER_MAX 99
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

static bool is_same_text(FILE *a, FILE *b)
{
	char left[4096], right[sizeof(left)];
	for (;;) {
		size_t got = fread(left, 1, sizeof(left), a);
		if (fread(right, 1, sizeof(right), b) != got || memcmp(left, right, got) != 0)
			return false;
		if (got < sizeof(left))
			return true;
	}
}

/* Does the file at path hold what is to be written there? One that cannot be read does not. */
static bool is_same(const char *path, const char *other)
{
	FILE *a = fopen(path, "re"), *b = fopen(other, "re");
	bool same = a != NULL && b != NULL && is_same_text(a, b);
	if (a != NULL)
		fclose(a);
	if (b != NULL)
		fclose(b);
	return same;
}

/* "may.refused.csv" → "may.refused.2.csv" */
static char *numbered(const char *path, int number)
{
	static const char ending[] = ".csv";
	size_t len = strlen(path), size = len + sizeof("-2147483648.");
	bool has_ending = str_ends_with(str_from(path), STR(".csv"));
	size_t stem = has_ending ? len - (sizeof(ending) - 1) : len;
	char *made = xmalloc(size);
	snprintf(made, size, "%.*s.%d%s", (int)stem, path, number, path + stem);
	return made;
}

/* The first name of its kind that is free, or holds the same already. */
static int choose_name(struct refused *r, struct err *err)
{
	char *name = xstrdup(r->path);
	for (int number = 2; access(name, F_OK) == 0 && !is_same(name, r->part_path); number++) {
		free(name);
		if (number > NUMBER_MAX)
			return err_set(err, ERR_INPUT,
				       "there are files of refused rows up to %s.%d: take some "
				       "away, or name another with --refused",
				       r->path, NUMBER_MAX);
		name = numbered(r->path, number);
	}
	if (strcmp(name, r->path) != 0) {
		r->kept_path = r->path;
		r->path = name;
	} else {
		free(name);
	}
	return 0;
}

int refused_commit(struct refused *r, struct err *err)
{
	if (r->file == NULL)
		return 0;
	int rc = fclose(r->file);
	r->file = NULL;
	if (rc != 0)
		return err_errno(err, errno, "cannot write %s", r->part_path);
	int failed = choose_name(r, err);
	if (failed == 0 && rename(r->part_path, r->path) != 0)
		failed = err_errno(err, errno, "cannot write %s", r->path);
	if (failed != 0)
		unlink(r->part_path);
	return failed;
}

void refused_done(struct refused *r)
{
	if (r->file != NULL) {
		fclose(r->file);
		unlink(r->part_path);
	}
	free(r->path);
	free(r->kept_path);
	free(r->part_path);
	*r = (struct refused){0};
}
