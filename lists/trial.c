/* SPDX-License-Identifier: MIT */
/* Hidden lists of one person; see trial.h. */
#include "lists/trial.h"

int trial_list_make(struct pg_blocking *db, const struct trial_list *list, int32_t *id_out,
		    struct err *err)
{
	struct pg_params params;
	struct pg_rows *rows = NULL;
	pg_params_init(&params);
	pg_add_int8(&params, list->rid);
	pg_add_text(&params, address_domain(list->address));
	pg_add_text(&params, address_mailbox(list->address));
	pg_add_text(&params, list->name);
	pg_add_text(&params, list->attributes);
	pg_add_text(&params, list->by);
	int result = pg_run(db, "lists/make_trial", &params, &rows, err);
	if (result == 0)
		*id_out = pg_int32(rows, 0, 0);
	pg_rows_free(rows);
	pg_params_done(&params);
	return result;
}

int trial_list_drop(struct pg_blocking *db, int32_t list_id, struct err *err)
{
	struct pg_params params;
	pg_params_init(&params);
	pg_add_int4(&params, list_id);
	int result = pg_run(db, "lists/drop_trial", &params, NULL, err);
	pg_params_done(&params);
	return result;
}
