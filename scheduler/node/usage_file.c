/* SPDX-License-Identifier: MIT */
/* data_dir/usage: see usage_file.h. */
#include "scheduler/node/usage_file.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEAD "edm usage 1"
#define LINE_SIZE 1024

struct usage_file {
	char path[PATH_MAX], fresh[PATH_MAX];
	FILE *stream;
};

static int fail(struct err *err, const char *what, const char *path)
{
	return err_set(err, ERR_SYSTEM, "usage of limits cannot be %s %s: %s", what, path,
		       strerror(errno));
}

struct usage_file *usage_file_new(const char *data_dir, struct err *err)
{
	struct usage_file *f = xcalloc(1, sizeof(*f));
	snprintf(f->path, sizeof(f->path), "%s/usage", data_dir);
	snprintf(f->fresh, sizeof(f->fresh), "%s/usage.new", data_dir);
	f->stream = fopen(f->fresh, "we");
	if (f->stream != NULL) {
		fprintf(f->stream, HEAD "\n");
		return f;
	}
	(void)fail(err, "kept in", f->path);
	free(f);
	return NULL;
}

void usage_file_add(struct usage_file *f, const struct usage *row)
{
	fprintf(f->stream, "%" PRId64 " %d %d %d %d %d %.*s\n", row->minute_us, row->source_id,
		row->sending_domain_id, row->campaign, row->messages, row->connections,
		STR_ARG(row->target));
}

int usage_file_commit(struct usage_file *f, struct err *err)
{
	bool is_bad = fflush(f->stream) != 0 || ferror(f->stream) != 0;
	/* Else after a power cut the name may stand for nothing, and the next start refuses. */
	is_bad |= fsync(fileno(f->stream)) != 0;
	is_bad |= fclose(f->stream) != 0;
	int status = is_bad || rename(f->fresh, f->path) != 0 ? fail(err, "kept in", f->path) : 0;
	if (status != 0)
		(void)unlink(f->fresh);
	free(f);
	return status;
}

/* row = minute SP source SP domain SP campaign SP messages SP connections SP target */
static bool parse_row(char *line, struct usage *row)
{
	int at = 0;
	line[strcspn(line, "\n")] = '\0';
	*row = (struct usage){.minute_us = 0};
	if (sscanf(line, "%" SCNd64 " %d %d %d %d %d %n", &row->minute_us, &row->source_id,
		   &row->sending_domain_id, &row->campaign, &row->messages, &row->connections,
		   &at) != 6 ||
	    at == 0)
		return false;
	row->target = str_from(line + at);
	return true;
}

static int read_rows(FILE *stream, const char *path,
		     void (*on_row)(void *owner, const struct usage *row), void *owner,
		     struct err *err)
{
	char line[LINE_SIZE];
	struct usage row;
	bool is_whole = fgets(line, sizeof(line), stream) != NULL && strcmp(line, HEAD "\n") == 0;
	while (is_whole && fgets(line, sizeof(line), stream) != NULL) {
		is_whole = parse_row(line, &row);
		if (is_whole)
			on_row(owner, &row);
	}
	if (ferror(stream))
		return fail(err, "read from", path);
	if (is_whole)
		return 0;
	return err_set(err, ERR_SYSTEM,
		       "%s is not what edm wrote there; it holds what limits must still count: put "
		       "it right or remove it",
		       path);
}

int usage_file_read(const char *data_dir, void (*on_row)(void *owner, const struct usage *row),
		    void *owner, struct err *err)
{
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "%s/usage", data_dir);
	FILE *stream = fopen(path, "re");
	if (stream == NULL)
		return errno == ENOENT ? 0 : fail(err, "read from", path);
	int status = read_rows(stream, path, on_row, owner, err);
	(void)fclose(stream);
	return status;
}

void usage_file_remove(const char *data_dir)
{
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "%s/usage", data_dir);
	(void)unlink(path);
}
