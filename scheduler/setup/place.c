/* SPDX-License-Identifier: MIT */
/* Data directory and database of an invocation; see place.h. */
#include "scheduler/setup/place.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/buf.h"
#include "scheduler/setup/private_pg.h"

static const char *value_or_null(const char *text)
{
	return text != NULL && text[0] != '\0' ? text : NULL;
}

static int choose_data_dir(const char *option, struct buf *out, struct err *err)
{
	const char *dir = value_or_null(option);
	const char *home = value_or_null(getenv("HOME"));
	const char *xdg = value_or_null(getenv("XDG_DATA_HOME"));
	char cwd[PATH_MAX];
	if (dir == NULL)
		dir = value_or_null(getenv("EDM_DATA"));
	if (dir == NULL && xdg != NULL)
		buf_appendf(out, "%s/edm", xdg);
	else if (dir == NULL && home != NULL)
		buf_appendf(out, "%s/.local/share/edm", home);
	else if (dir == NULL)
		return err_set(err, ERR_USAGE,
			       "where is the data directory? Give --data DIR or set HOME");
	else if (dir[0] == '/')
		buf_append_cstr(out, dir);
	else if (getcwd(cwd, sizeof(cwd)) != NULL)
		buf_appendf(out, "%s/%s", cwd, dir);
	else
		return err_errno(err, errno, "cannot find the current directory");
	while (out->len > 1 && out->data[out->len - 1] == '/')
		out->data[--out->len] = '\0';
	return 0;
}

/* The URL with its password blanked out. */
static char *shown_of(const char *url)
{
	const char *scheme = strstr(url, "://");
	const char *at = scheme ? strchr(scheme, '@') : NULL;
	const char *colon = scheme ? strchr(scheme + 3, ':') : NULL;
	if (strstr(url, "password=") != NULL)
		return xstrdup("(a URL with a password)");
	if (at == NULL || colon == NULL || colon > at)
		return xstrdup(url);
	struct buf b;
	buf_init(&b, 8192);
	buf_append(&b, url, (size_t)(colon - url));
	buf_append_cstr(&b, at);
	char *shown = xstrndup(b.data, b.len);
	buf_done(&b);
	return shown;
}

/* A URL, or keywords as in "host=… dbname=…" (libpq). */
static int check_url(const char *url, struct err *err)
{
	struct str text = str_from(url);
	bool has_scheme = str_find(text, STR("://")) >= 0;
	if (str_starts_with(text, STR("postgresql://")) ||
	    str_starts_with(text, STR("postgres://")) ||
	    (!has_scheme && str_find_char(text, '=') > 0))
		return 0;
	return err_set(err, ERR_USAGE,
		       "'%s' is no URL of a database: it begins with postgresql://, as in "
		       "postgresql://edm@db.example/edm",
		       url);
}

int place_find(const char *database, const char *data, struct place *out, struct err *err)
{
	struct buf dir, url;
	buf_init(&dir, PATH_MAX - 1);
	buf_init(&url, 8192);
	const char *given = value_or_null(database);
	if (given == NULL)
		given = value_or_null(getenv("EDM_DATABASE_URL"));
	int result = choose_data_dir(data, &dir, err);
	if (result == 0 && given != NULL)
		result = check_url(given, err);
	if (result == 0 && given == NULL)
		private_pg_url(dir.data, &url);
	else if (result == 0)
		buf_append_cstr(&url, given);
	if (result == 0) {
		*out = (struct place){.data_dir = xstrndup(dir.data, dir.len),
				      .database_url = xstrndup(url.data ? url.data : "", url.len),
				      .is_private = given == NULL};
		out->shown = out->is_private ? xstrdup("private, in the data directory")
					     : shown_of(out->database_url);
	}
	buf_done(&dir);
	buf_done(&url);
	return result;
}

void place_done(struct place *p)
{
	free(p->data_dir);
	free(p->database_url);
	free(p->shown);
	*p = (struct place){0};
}

static int check_is_directory(const struct place *p, struct err *err)
{
	struct stat found;
	if (stat(p->data_dir, &found) != 0 || S_ISDIR(found.st_mode))
		return 0;
	return err_set(err, ERR_USAGE,
		       "%s is no directory: --data (or EDM_DATA) names the data directory",
		       p->data_dir);
}

int place_make_data_dir(const struct place *p, struct err *err)
{
	char path[PATH_MAX];
	snprintf(path, sizeof(path), "%s", p->data_dir);
	for (char *slash = path + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
		*slash = '\0';
		if (mkdir(path, 0755) != 0 && errno != EEXIST)
			return err_errno(err, errno, "cannot create %s", path);
		*slash = '/';
	}
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		return err_errno(err, errno, "cannot create the data directory %s", path);
	return check_is_directory(p, err);
}

int place_check_access(const struct place *p, struct err *err)
{
	if (check_is_directory(p, err) != 0)
		return -1;
	if (access(p->data_dir, X_OK) != 0 && errno == EACCES)
		return err_set(err, ERR_SYSTEM,
			       "permission denied: this user may not look into the data directory "
			       "%s",
			       p->data_dir);
	return 0;
}

int place_start_database(const struct place *p, bool create, struct err *err)
{
	if (!p->is_private)
		return 0;
	if (place_check_access(p, err) != 0)
		return -1;
	if (!create && !private_pg_exists(p->data_dir))
		return err_set(
			err, ERR_NOT_FOUND,
			"there is no database in %s: run edm init, or name one with --database",
			p->data_dir);
	if (place_make_data_dir(p, err) != 0)
		return -1;
	return private_pg_start(p->data_dir, create, err);
}
