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

static int load_rows(struct conf *c, struct pg_blocking *db, struct err *err)
{
	struct pg_rows *rows = NULL;
	if (db == NULL)
		return 0;
	if (pg_run(db, "setup/settings", NULL, &rows, err) != 0)
		return err_prefix(err, "cannot read the shared settings");
	for (int i = 0; i < pg_rows_count(rows); i++)
		set_row(c, rows, i);
	pg_rows_free(rows);
	return 0;
}

/* A file that was named must be there; edm.conf need not. */
static int load_file(struct conf *c, const struct configure_options *o, struct err *err)
{
	char path[PATH_MAX];
	struct err missing;
	if (o->config_path != NULL)
		return conf_load_file(c, o->config_path, err);
	if (snprintf(path, sizeof(path), "%s/edm.conf", o->place->data_dir) >= (int)sizeof(path))
		return err_set(err, ERR_CONFIG, "the data directory's name is too long");
	if (conf_load_file(c, path, &missing) == 0 || missing.kind == ERR_NOT_FOUND)
		return 0;
	if (err != NULL)
		*err = missing;
	return -1;
}

static int load_all(struct conf *c, const struct configure_options *o, struct err *err)
{
	if (load_rows(c, o->db, err) != 0 || load_file(c, o, err) != 0)
		return -1;
	for (size_t i = 0; i < o->set_count; i++) {
		if (conf_set_argument(c, o->sets[i], err) != 0)
			return -1;
	}
	return settings_check(c, err);
}

struct conf *configure_load(const struct configure_options *options, struct err *err)
{
	struct conf *c = settings_new();
	if (load_all(c, options, err) == 0)
		return c;
	conf_drop(c);
	return NULL;
}
