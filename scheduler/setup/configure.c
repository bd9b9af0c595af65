/* SPDX-License-Identifier: MIT */
/* Settings from all their places, in the order of strength; see configure.h. */
#include "scheduler/setup/configure.h"

#include <limits.h>
#include <stdio.h>

#include "engine/base/log.h"
#include "scheduler/settings.h"

static void set_row(struct conf *c, const struct pg_rows *rows, int row)
{
	char place[128];
	struct err err;
	snprintf(place, sizeof(place), "shared, set by %.*s", STR_ARG(pg_text(rows, row, 2)));
	struct conf_source from = {CONF_ROW, place};
	if (conf_set(c, from, pg_text(rows, row, 0), pg_text(rows, row, 1), &err) != 0)
		log_error_event(LOG_WARN, "shared_setting_left_out", &err);
}

/* The file's name, as errors call it. */
static int path_of(const struct configure_options *o, char path[PATH_MAX], struct err *err)
{
	int len = o->config_path != NULL
			  ? snprintf(path, PATH_MAX, "%s", o->config_path)
			  : snprintf(path, PATH_MAX, "%s/edm.conf", o->place->data_dir);
	return len < PATH_MAX ? 0
			      : err_set(err, ERR_CONFIG, "the data directory's name is too long");
}

int configure_read_file(const struct configure_options *o, struct buf *out, struct err *err)
{
	char path[PATH_MAX];
	struct err found = {0};
	if (path_of(o, path, err) != 0)
		return -1;
	if (conf_read_file(path, out, &found) == 0)
		return 0;
	/* A file that was named must be there; edm.conf need not. */
	if (o->config_path == NULL && found.kind == ERR_NOT_FOUND)
		return 0;
	if (err != NULL)
		*err = found;
	return -1;
}

static int lay_all(struct conf *c, const struct configure_options *o, struct str file,
		   struct err *err)
{
	char path[PATH_MAX];
	if (path_of(o, path, err) != 0 || conf_set_text(c, path, file, err) != 0)
		return -1;
	for (size_t i = 0; i < o->set_count; i++) {
		if (conf_set_argument(c, o->sets[i], err) != 0)
			return -1;
	}
	return settings_check(c, err);
}

struct conf *configure_make(const struct configure_options *o, struct str file,
			    const struct pg_rows *shared, struct err *err)
{
	struct conf *c = settings_new();
	for (int i = 0; i < pg_rows_count(shared); i++)
		set_row(c, shared, i);
	if (lay_all(c, o, file, err) == 0)
		return c;
	conf_drop(c);
	return NULL;
}

struct conf *configure_load(const struct configure_options *options, struct err *err)
{
	struct pg_rows *shared = NULL;
	struct conf *c = NULL;
	struct buf file;
	if (options->db != NULL && pg_run(options->db, CONFIGURE_SHARED, NULL, &shared, err) != 0) {
		(void)err_prefix(err, "cannot read the shared settings");
		return NULL;
	}
	buf_init(&file, CONF_FILE_MAX);
	if (configure_read_file(options, &file, err) == 0)
		c = configure_make(options, buf_str(&file), shared, err);
	buf_done(&file);
	pg_rows_free(shared);
	return c;
}
