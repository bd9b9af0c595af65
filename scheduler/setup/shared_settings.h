/* SPDX-License-Identifier: MIT */
/*
 * Shared settings in table setting: one value of a key for all nodes. Blocking, for the command
 * line; each change leaves an event and notifies the nodes.
 */
#ifndef EDM_SCHEDULER_SETUP_SHARED_SETTINGS_H
#define EDM_SCHEDULER_SETUP_SHARED_SETTINGS_H

#include "engine/pg/blocking.h"
#include "ip-pool/store/change.h"

/* Sets key to value. Refuses, before anything is written, a key that is none (ERR_NOT_FOUND) or a
 * node's (ERR_REFUSED), and a value that is wrong by itself or beside the other shared ones
 * (ERR_USAGE). */
int shared_setting_set(struct pg_blocking *db, struct str key, struct str value,
		       const struct change *change, struct err *err) NODISCARD;
/* Back to the default; ERR_NOT_FOUND if it was not set. */
int shared_setting_unset(struct pg_blocking *db, struct str key, const struct change *change,
			 struct err *err) NODISCARD;

#endif
