/* SPDX-License-Identifier: MIT */
/* See lists_fixture.h. */
#include "tests/db/lists_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

/* The key of the test's installation: bytes 0, 1, 2 … 15. */
#define KEY_SQL "'\\x000102030405060708090a0b0c0d0e0f'"

int fixture_start(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	snprintf(f->dir, sizeof(f->dir), "/tmp/edm-lists-test-XXXXXX");
	if (mkdtemp(f->dir) == NULL)
		return -1;
	f->server = private_pg_start();
	*state = f;
	return 0;
}

int fixture_stop(void **state)
{
	struct fixture *f = *state;
	private_pg_stop(f->server);
	rmdir(f->dir);
	free(f);
	return 0;
}

int fixture_open(void **state)
{
	struct fixture *f = *state;
	struct err err;
	snprintf(f->url, sizeof(f->url), "%s", private_pg_database(f->server, true));
	f->db = pg_open_blocking(f->url, "edm test", &err);
	assert_non_null(f->db);
	fixture_run(f, "UPDATE installation SET rid_key = " KEY_SQL);
	return 0;
}

int fixture_close(void **state)
{
	struct fixture *f = *state;
	static const char *const names[] = {"file.csv", "file.refused.csv", "export.csv"};
	pg_close_blocking(f->db);
	f->db = NULL;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char path[128];
		snprintf(path, sizeof(path), "%s/%s", f->dir, names[i]);
		unlink(path);
	}
	return 0;
}

void fixture_run(struct fixture *f, const char *sql)
{
	struct err err;
	if (pg_run_text(f->db, sql, &err) != 0)
		fail_msg("%s: %s", sql, err.text);
}

const char *fixture_query(struct fixture *f, const char *sql)
{
	struct err err;
	struct pg_rows *rows = NULL;
	size_t len = 0;
	if (pg_query(f->db, sql, NULL, &rows, &err) != 0)
		fail_msg("%s: %s", sql, err.text);
	f->answer[0] = '\0';
	for (int i = 0; i < pg_rows_count(rows); i++)
		len += (size_t)snprintf(f->answer + len, sizeof(f->answer) - len, "%.*s\n",
					STR_ARG(pg_text(rows, i, 0)));
	pg_rows_free(rows);
	return f->answer;
}

const char *fixture_members(struct fixture *f)
{
	return fixture_query(f, "SELECT format('%s %s %s %s', r.address, m.status, m.attributes, "
				"coalesce(m.consent, '-'))"
				"  FROM list_member m JOIN recipient r USING (rid)"
				" ORDER BY r.address");
}

int64_t fixture_digest(struct fixture *f)
{
	struct err err;
	struct pg_rows *rows = NULL;
	static const char sql[] =
		"SELECT hashtextextended(string_agg(x, ';' ORDER BY x), 0) FROM ("
		" SELECT m::text FROM list_member m UNION ALL SELECT r::text FROM recipient r"
		" UNION ALL SELECT l::text FROM list l UNION ALL SELECT c::text FROM "
		"list_domain_count c"
		" UNION ALL SELECT i::text FROM import i UNION ALL SELECT c::text FROM "
		"import_change c"
		" UNION ALL SELECT e::text FROM event e UNION ALL SELECT d::text FROM "
		"recipient_domain d) t(x)";
	if (pg_query(f->db, sql, NULL, &rows, &err) != 0)
		fail_msg("%s", err.text);
	int64_t digest = pg_int(rows, 0, 0);
	pg_rows_free(rows);
	return digest;
}

void fixture_write(struct fixture *f, struct str text)
{
	snprintf(f->path, sizeof(f->path), "%s/file.csv", f->dir);
	FILE *file = fopen(f->path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(text.ptr, 1, text.len, file), text.len);
	assert_int_equal(fclose(file), 0);
}

const char *fixture_read(struct fixture *f, const char *name)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	FILE *file = fopen(path, "r");
	size_t len = file != NULL ? fread(f->answer, 1, sizeof(f->answer) - 1, file) : 0;
	f->answer[len] = '\0';
	if (file != NULL)
		fclose(file);
	return f->answer;
}

struct import_result fixture_import(struct fixture *f, const char *text,
				    const struct import_request *request)
{
	static const struct import_request plain = {.list = "people",
						    .file = "file.csv",
						    .mode = IMPORT_MERGE,
						    .actor = {.actor = FIXTURE_ACTOR}};
	struct reading *reading;
	struct import_result result = {0};
	struct err err;
	fixture_write(f, str_from(text));
	if (reading_open(&reading, &(struct reading_request){.path = f->path}, &err) != 0)
		fail_msg("%s", err.text);
	if (import_run(f->db, reading, request ? request : &plain, &result, &err) != 0)
		fail_msg("%s", err.text);
	reading_close(reading);
	assert_int_equal(result.rows, result.added + result.updated + result.unchanged +
					      result.duplicates + result.refused + result.kept_out);
	return result;
}

int64_t fixture_rid(const char *address)
{
	struct hash_key key;
	struct address parsed;
	for (size_t i = 0; i < sizeof(key.bytes); i++)
		key.bytes[i] = (unsigned char)i;
	assert_int_equal(address_parse(str_from(address), &parsed), ADDRESS_OK);
	return person_rid(&parsed, &key);
}
