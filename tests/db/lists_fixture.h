/* SPDX-License-Identifier: MIT */
/*
 * A database with an installation in it, and files to import: what the tests of lists share.
 * Everything here fails the test that calls it.
 */
#ifndef EDM_TESTS_DB_LISTS_FIXTURE_H
#define EDM_TESTS_DB_LISTS_FIXTURE_H

#include "lists/import.h"
#include "tests/support/private_pg.h"

#define FIXTURE_ACTOR "tester"

struct fixture {
	struct private_pg *server;
	struct pg_blocking *db; /* of the running test */
	char url[512];		/* of its database */
	char dir[64];		/* for files; removed at the end */
	char path[128];		/* of the file written last */
	char answer[8192];	/* of the query made last */
};

/* cmocka's group and test fixtures; *state is a struct fixture. */
int fixture_start(void **state);
int fixture_stop(void **state);
int fixture_open(void **state);
int fixture_close(void **state);

void fixture_run(struct fixture *f, const char *sql);
/* The first column of the rows, as text, a line each; valid until the next query. */
const char *fixture_query(struct fixture *f, const char *sql);
/* Every membership: "address status attributes consent", a line each, by address. */
const char *fixture_members(struct fixture *f);
/* Everything an import may touch, as one number: differs when anything differs. */
int64_t fixture_digest(struct fixture *f);
void fixture_write(struct fixture *f, struct str text);
/* What stands in the file called name in dir; "" if there is none. */
const char *fixture_read(struct fixture *f, const char *name);
/* Imports text into the list "people"; request may be NULL. */
struct import_result fixture_import(struct fixture *f, const char *text,
				    const struct import_request *request);
int64_t fixture_rid(const char *address);

#endif
