/* SPDX-License-Identifier: MIT */
/* From the names people use to the numbers the tables use, and back. Blocking. */
#ifndef EDM_SCHEDULER_SETUP_NAMES_H
#define EDM_SCHEDULER_SETUP_NAMES_H

#include "engine/pg/blocking.h"

/* ERR_NOT_FOUND with a sentence if there is no campaign of that name. */
int names_campaign_id(struct pg_blocking *db, struct str name, int64_t *id_out,
		      struct err *err) NODISCARD;
/* Appends the name of the campaign; "7" for one that is gone. */
int names_campaign(struct pg_blocking *db, int64_t id, struct buf *out, struct err *err) NODISCARD;

#endif
