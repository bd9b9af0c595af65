/* SPDX-License-Identifier: MIT */
/* What was changed; see events.h. */
#include "scheduler/report/events.h"

json_t *events_load(struct pg_blocking *db, const struct events_question *question, struct err *err)
{
	struct pg_params params;
	pg_params_init(&params);
	pg_add_int8(&params, question->last_ms);
	pg_add_text(&params, question->what);
	pg_add_text(&params, question->about);
	pg_add_int4(&params, question->rows_max);
	json_t *document = document_load(db, "report/events", &params, err);
	pg_params_done(&params);
	return document;
}
