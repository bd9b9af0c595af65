/* SPDX-License-Identifier: MIT */
/* Applying the embedded migrations; see migrate.h. */
#include "scheduler/setup/migrate.h"

#include <stdio.h>
#include <string.h>

#include "engine/base/clock.h"
#include "engine/base/hash.h"
#include "schemas/embedded.h"

#define DIRECTORY "schemas/migrations/"
/* Any number of ours; held by whoever migrates. */
#define LOCK_SQL "SELECT pg_advisory_lock(76410001)"
#define UNLOCK_SQL "SELECT pg_advisory_unlock(76410001)"
/* A lock that is waited for holds up everybody who comes after it: not for long, and then again
 * after a while, in which flushes go through. */
#define LOCK_TIMEOUT_SQL "SET LOCAL lock_timeout = '500ms'"
#define PAUSE_SQL "SELECT pg_sleep(0.5)"
#define BUSY_MOST_MS 60000

struct migration {
	const struct embedded_file *file;
	int version;
	char name[64];
	char min_engine[32];
};

struct application {
	struct pg_blocking *db;
	const struct migration *migration;
};

/* NNNN_name.sql, first line "-- min_engine: 0.1.0". */
static bool migration_of_file(const struct embedded_file *file, struct migration *out)
{
	struct str path = str_from(file->name);
	if (!str_starts_with(path, STR(DIRECTORY)))
		return false;
	struct str name = str_slice(path, sizeof(DIRECTORY) - 1, path.len - strlen(".sql"));
	uint64_t version;
	must(str_to_u64(str_slice(name, 0, 4), &version) == 0);
	struct str text = str_of(file->data, file->size);
	struct str first = str_take_until(&text, '\n');
	const struct str mark = STR("-- min_engine: ");
	must(str_starts_with(first, mark));
	out->file = file;
	out->version = (int)version;
	must(str_to_cstr(str_slice(name, 5, name.len), out->name, sizeof(out->name)) == 0);
	must(str_to_cstr(str_trim(str_slice(first, mark.len, first.len)), out->min_engine,
			 sizeof(out->min_engine)) == 0);
	return true;
}

static int newest_known(void)
{
	size_t count;
	struct migration m;
	int newest = 0;
	const struct embedded_file *files = embedded_files(&count);
	for (size_t i = 0; i < count; i++)
		if (migration_of_file(&files[i], &m) && m.version > newest)
			newest = m.version;
	return newest;
}

static int64_t version_number(const char *text)
{
	int64_t number = 0;
	struct str rest = str_from(text);
	for (int part = 0; part < 3; part++) {
		uint64_t n = 0;
		if (str_to_u64(str_take_until(&rest, '.'), &n) != 0)
			n = 0;
		number = number * 1000 + (int64_t)n;
	}
	return number;
}

/* The newest migration applied there (0 = none), and the oldest engine that may run. */
static int read_state(struct pg_blocking *db, int *version_out, int64_t *min_engine_out,
		      struct err *err)
{
	struct pg_rows *rows = NULL;
	*version_out = 0;
	*min_engine_out = 0;
	if (pg_query(db, "SELECT to_regclass('edm.migration') IS NOT NULL", NULL, &rows, err) != 0)
		return -1;
	bool exists = pg_bool(rows, 0, 0);
	pg_rows_free(rows);
	if (!exists)
		return 0;
	rows = NULL;
	if (pg_query(db, "SELECT version, min_engine FROM edm.migration ORDER BY version", NULL,
		     &rows, err) != 0)
		return -1;
	for (int i = 0; i < pg_rows_count(rows); i++) {
		char text[32] = "";
		*version_out = pg_int32(rows, i, 0);
		if (str_to_cstr(pg_text(rows, i, 1), text, sizeof(text)) == 0 &&
		    version_number(text) > *min_engine_out)
			*min_engine_out = version_number(text);
	}
	pg_rows_free(rows);
	return 0;
}

static int refuse_newer(int64_t min_engine, struct err *err)
{
	if (min_engine <= version_number(EDM_VERSION))
		return 0;
	return err_set(
		err, ERR_REFUSED,
		"this database has been migrated by a newer edm and needs at least %lld.%lld.%lld; "
		"this is %s: upgrade this program",
		(long long)(min_engine / 1000000), (long long)(min_engine / 1000 % 1000),
		(long long)(min_engine % 1000), EDM_VERSION);
}

static int apply_body(void *owner, struct err *err)
{
	const struct application *a = owner;
	const struct migration *m = a->migration;
	struct pg_params params;
	if (pg_query(a->db, LOCK_TIMEOUT_SQL, NULL, NULL, err) != 0 ||
	    pg_run_text(a->db, m->file->data, err) != 0)
		return -1;
	pg_params_init(&params);
	pg_add_int4(&params, m->version);
	pg_add_text(&params, str_from(m->name));
	pg_add_text(&params, str_from(m->min_engine));
	pg_add_bytea(&params, str_of(m->file->data, m->file->size));
	int result = pg_query(a->db,
			      "INSERT INTO edm.migration (version, name, min_engine, checksum) "
			      "VALUES ($1, $2, $3, encode(sha256($4), 'hex'))",
			      &params, NULL, err);
	pg_params_done(&params);
	return result;
}

/* An applied migration must be the file we have: else the schema is not what we think it is. */
static int check_unchanged(struct pg_blocking *db, const struct migration *m, struct err *err)
{
	struct pg_params params;
	struct pg_rows *rows = NULL;
	pg_params_init(&params);
	pg_add_int4(&params, m->version);
	pg_add_bytea(&params, str_of(m->file->data, m->file->size));
	int result = pg_query(db,
			      "SELECT 1 FROM edm.migration WHERE version = $1 "
			      "AND checksum NOT IN ('', encode(sha256($2), 'hex'))",
			      &params, &rows, err);
	if (result == 0 && pg_rows_count(rows) > 0)
		result = err_set(err, ERR_REFUSED,
				 "migration %04d_%s was changed after it was applied here: use the "
				 "edm that made this database, or begin with an empty one",
				 m->version, m->name);
	pg_rows_free(rows);
	pg_params_done(&params);
	return result;
}

/* Tables are in use by running nodes: each attempt is one transaction and leaves nothing. */
static int apply_one(struct application *a, struct err *err)
{
	int64_t until_ms = clock_now_ms() + BUSY_MOST_MS;
	while (pg_transaction(a->db, apply_body, a, err) != 0) {
		bool is_busy = pg_err_is(err, "55P03") || pg_err_is(err, "40P01");
		if (is_busy && clock_now_ms() >= until_ms)
			err_set(err, ERR_REFUSED,
				"tables are busy: none was free within a minute; run edm init "
				"again");
		if (err->kind != ERR_DATABASE || !is_busy)
			return err_prefix(err, "migration %04d_%s", a->migration->version,
					  a->migration->name);
		if (pg_query(a->db, PAUSE_SQL, NULL, NULL, err) != 0)
			return -1;
	}
	return 0;
}

static int apply_missing(struct pg_blocking *db, int have, int *applied_out, struct err *err)
{
	size_t count;
	const struct embedded_file *files = embedded_files(&count);
	*applied_out = 0;
	/* Embedded files are sorted by name, hence by number. */
	for (size_t i = 0; i < count; i++) {
		struct migration m;
		if (!migration_of_file(&files[i], &m))
			continue;
		if (m.version <= have) {
			if (check_unchanged(db, &m, err) != 0)
				return -1;
			continue;
		}
		struct application a = {db, &m};
		if (apply_one(&a, err) != 0)
			return -1;
		(*applied_out)++;
	}
	return 0;
}

static int make_installation(struct pg_blocking *db, struct err *err)
{
	struct hash_key key;
	struct pg_params params;
	random_bytes(&key, sizeof(key));
	pg_params_init(&params);
	pg_add_bytea(&params, str_of((const char *)key.bytes, sizeof(key.bytes)));
	int result = pg_query(
		db, "INSERT INTO edm.installation (rid_key) VALUES ($1) ON CONFLICT DO NOTHING",
		&params, NULL, err);
	pg_params_done(&params);
	explicit_bzero(&key, sizeof(key));
	return result;
}

static int apply_locked(struct pg_blocking *db, int *applied_out, struct err *err)
{
	int have;
	int64_t min_engine;
	if (read_state(db, &have, &min_engine, err) != 0 || refuse_newer(min_engine, err) != 0)
		return -1;
	if (apply_missing(db, have, applied_out, err) != 0)
		return -1;
	return make_installation(db, err);
}

int migrate_apply(struct pg_blocking *db, int *applied_out, struct err *err)
{
	if (pg_query(db, LOCK_SQL, NULL, NULL, err) != 0)
		return -1;
	int result = apply_locked(db, applied_out, err);
	struct err ignored;
	if (pg_query(db, UNLOCK_SQL, NULL, NULL, result == 0 ? err : &ignored) != 0)
		return -1;
	return result;
}

int migrate_check(struct pg_blocking *db, struct err *err)
{
	int have;
	int64_t min_engine;
	if (read_state(db, &have, &min_engine, err) != 0 || refuse_newer(min_engine, err) != 0)
		return -1;
	if (have >= newest_known())
		return 0;
	return err_set(err, ERR_NOT_FOUND,
		       have == 0
			       ? "this database has no edm schema yet: run edm init"
			       : "this database's schema is older than this program: run edm init "
				 "to migrate it");
}
