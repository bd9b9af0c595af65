/* SPDX-License-Identifier: MIT */
/* A server for the tests of shares. */
#include "tests/db/share_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include "tests/support/private_pg.h"

static struct private_pg *server;

int share_fixture_start(void **state)
{
	(void)state;
	server = private_pg_start();
	return 0;
}

int share_fixture_stop(void **state)
{
	(void)state;
	private_pg_stop(server);
	return 0;
}

struct pg_blocking *share_fixture_open(const char *url)
{
	struct err err;
	struct pg_blocking *conn = pg_open_blocking(url, "test", &err);
	assert_non_null(conn);
	return conn;
}

void share_fixture_run(struct pg_blocking *conn, const char *sql)
{
	struct err err;
	if (pg_run_text(conn, sql, &err) != 0)
		fail_msg("%s", err.text);
}

struct pg_rows *share_fixture_query(struct pg_blocking *conn, const char *sql,
				    struct pg_params *params)
{
	struct pg_rows *rows = NULL;
	struct err err;
	if (pg_query(conn, sql, params, &rows, &err) != 0)
		fail_msg("%s", err.text);
	if (params != NULL)
		pg_params_done(params);
	return rows;
}

const char *share_fixture_database(void)
{
	return private_pg_database(server, true);
}
