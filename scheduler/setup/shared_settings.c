/* SPDX-License-Identifier: MIT */
/* Changing shared settings; see shared_settings.h. */
#include "scheduler/setup/shared_settings.h"

#include "engine/base/calendar.h"
#include "scheduler/settings.h"

/* The shared settings as they are, over the defaults. */
static int load(struct pg_blocking *db, struct conf *c, struct err *err)
{
	const struct conf_source from = {CONF_ROW, "shared"};
	struct pg_rows *rows = NULL;
	if (pg_run(db, "setup/settings", NULL, &rows, err) != 0)
		return -1;
	for (int i = 0; i < pg_rows_count(rows); i++) {
		struct err
			left_out; /* a newer engine may have written it: nodes leave it out too */
		if (conf_set(c, from, pg_text(rows, i, 0), pg_text(rows, i, 1), &left_out) != 0)
			continue;
	}
	pg_rows_free(rows);
	return 0;
}

static int no_setting(struct str key, struct err *err)
{
	return err_set(err, ERR_NOT_FOUND, "there is no setting '%.*s'; edm config lists them",
		       STR_ARG(key));
}

/* Lays the new value over the rest and looks whether all of it makes sense. */
static int check(struct conf *c, struct str key, struct str value, struct err *err)
{
	const struct conf_source from = {CONF_ROW, "config set"};
	struct err found = {0};
	size_t at;
	if (conf_find(c, key, &at) != 0)
		return no_setting(key, err);
	if (conf_key(c, at)->scope == CONF_NODE)
		return err_set(err, ERR_REFUSED,
			       "%s belongs to each node: write \"%s = %.*s\" into its edm.conf",
			       conf_key(c, at)->name, conf_key(c, at)->name, STR_ARG(value));
	if (conf_set(c, from, key, value, &found) == 0 && settings_check(c, &found) == 0)
		return 0;
	return err_set(err, ERR_USAGE, "%s", found.text);
}

/* Hours were found well written; whether there is such a zone only the database knows. */
static int check_zone(struct pg_blocking *db, struct str value, struct err *err)
{
	struct calendar_hours hours;
	struct str zone;
	struct pg_params p;
	struct pg_rows *rows = NULL;
	if (value.len == 0)
		return 0;
	if (calendar_parse_zoned(value, &hours, &zone, err) != 0)
		return -1;
	pg_params_init(&p);
	pg_add_text(&p, zone);
	int result = pg_run(db, "setup/zone", &p, &rows, err);
	if (result == 0 && pg_rows_count(rows) == 0)
		result = err_set(err, ERR_USAGE,
				 "there is no time zone '%.*s': name one as Asia/Shanghai, "
				 "Europe/Berlin or UTC",
				 STR_ARG(zone));
	pg_rows_free(rows);
	pg_params_done(&p);
	return result;
}

static int check_new(struct pg_blocking *db, struct str key, struct str value, struct err *err)
{
	struct conf *c = settings_new();
	int result = load(db, c, err);
	if (result == 0)
		result = check(c, key, value, err);
	conf_drop(c);
	if (result == 0 && str_equals(key, str_from(settings_table[SETTING_SENDING_HOURS].name)))
		result = check_zone(db, value, err);
	return result;
}

/* Runs the statement of "key, actor, because" and perhaps a value; rows, or -1. */
static int run(struct pg_blocking *db, const char *statement, struct pg_params *p, struct err *err)
{
	struct pg_rows *rows = NULL;
	int result = pg_run(db, statement, p, &rows, err);
	int count = pg_rows_count(rows);
	pg_rows_free(rows);
	pg_params_done(p);
	return result == 0 ? count : -1;
}

int shared_setting_set(struct pg_blocking *db, struct str key, struct str value,
		       const struct change *change, struct err *err)
{
	struct pg_params p;
	if (check_new(db, key, value, err) != 0)
		return -1;
	pg_params_init(&p);
	pg_add_text(&p, key);
	pg_add_text(&p, change->actor);
	pg_add_text(&p, change->because);
	pg_add_text(&p, value);
	return run(db, "setup/set_setting", &p, err) < 0 ? -1 : 0;
}

/* A key this version does not know may be there, of a newer one. */
static int not_set(struct str key, struct err *err)
{
	struct conf *c = settings_new();
	size_t at;
	int result = -1;
	if (conf_find(c, key, &at) != 0)
		result = no_setting(key, err);
	else if (conf_key(c, at)->scope == CONF_NODE)
		result = err_set(err, ERR_REFUSED,
				 "%.*s belongs to each node: take it out of its edm.conf",
				 STR_ARG(key));
	else
		result = err_set(err, ERR_NOT_FOUND, "%.*s is not set as a shared setting",
				 STR_ARG(key));
	conf_drop(c);
	return result;
}

int shared_setting_unset(struct pg_blocking *db, struct str key, const struct change *change,
			 struct err *err)
{
	struct pg_params p;
	pg_params_init(&p);
	pg_add_text(&p, key);
	pg_add_text(&p, change->actor);
	pg_add_text(&p, change->because);
	int rows = run(db, "setup/unset_setting", &p, err);
	return rows > 0 ? 0 : rows < 0 ? -1 : not_set(key, err);
}
