/* SPDX-License-Identifier: MIT */
/* Names of campaigns; see names.h. */
#include "scheduler/setup/names.h"

int names_campaign_id(struct pg_blocking *db, struct str name, int64_t *id_out, struct err *err)
{
	struct pg_params p;
	struct pg_rows *rows = NULL;
	pg_params_init(&p);
	pg_add_text(&p, name);
	int result = pg_run(db, "setup/campaign_id", &p, &rows, err);
	pg_params_done(&p);
	if (result != 0)
		return -1;
	if (pg_rows_count(rows) == 0)
		result = err_set(err, ERR_NOT_FOUND,
				 "there is no campaign '%.*s'; edm campaign show lists them",
				 STR_ARG(name));
	else
		*id_out = pg_int(rows, 0, 0);
	pg_rows_free(rows);
	return result;
}

int names_campaign(struct pg_blocking *db, int64_t id, struct buf *out, struct err *err)
{
	struct pg_params p;
	struct pg_rows *rows = NULL;
	pg_params_init(&p);
	pg_add_int4(&p, (int32_t)id);
	int result = pg_run(db, "setup/campaign_name", &p, &rows, err);
	pg_params_done(&p);
	if (result != 0)
		return -1;
	if (pg_rows_count(rows) == 0)
		buf_appendf(out, "%lld", (long long)id);
	else
		buf_append_str(out, pg_text(rows, 0, 0));
	pg_rows_free(rows);
	return 0;
}
