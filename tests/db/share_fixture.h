/* SPDX-License-Identifier: MIT */
/* What the tests of shares need of a server: one a program, a migrated database a test. Everything
 * fails the test when it fails. */
#ifndef EDM_TESTS_DB_SHARE_FIXTURE_H
#define EDM_TESTS_DB_SHARE_FIXTURE_H

#include "engine/pg/blocking.h"

/* For cmocka_run_group_tests. */
int share_fixture_start(void **state);
int share_fixture_stop(void **state);
/* The URL of a fresh database; it lives until the next call. */
const char *share_fixture_database(void);
struct pg_blocking *share_fixture_open(const char *url);
void share_fixture_run(struct pg_blocking *conn, const char *sql);
/* Ends params. */
struct pg_rows *share_fixture_query(struct pg_blocking *conn, const char *sql,
				    struct pg_params *params);

#endif
