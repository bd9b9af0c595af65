/* SPDX-License-Identifier: MIT */
/* Parameters that may be absent. */
#ifndef EDM_IP_POOL_STORE_STORE_PRIVATE_H
#define EDM_IP_POOL_STORE_STORE_PRIVATE_H

#include "engine/pg/blocking.h"
#include "ip-pool/store/change.h"

/* An empty text is NULL. */
static inline void add_text_or_null(struct pg_params *p, struct str s)
{
	if (str_is_empty(s))
		pg_add_null(p, PG_TEXT);
	else
		pg_add_text(p, s);
}

static inline void add_change(struct pg_params *p, const struct change *change)
{
	pg_add_text(p, change->actor);
	pg_add_text(p, change->because);
}

/* Runs the statement and empties the parameters; returns the number of rows, or -1. */
int store_run(struct pg_blocking *conn, const char *name, struct pg_params *p, struct err *err);

#endif
