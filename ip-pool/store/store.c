/* SPDX-License-Identifier: MIT */
/* What the verbs of this directory share. */
#include "ip-pool/store/store_private.h"

int store_run(struct pg_blocking *conn, const char *name, struct pg_params *p, struct err *err)
{
	struct pg_rows *rows = NULL;
	int status = pg_run(conn, name, p, &rows, err);
	int count = status == 0 ? pg_rows_count(rows) : -1;
	pg_rows_free(rows);
	pg_params_done(p);
	return count;
}
