/* SPDX-License-Identifier: MIT */
/*
 * The schema's migrations (schemas/migrations, embedded), applied forwards in the order of their
 * numbers, each in a transaction, under an advisory lock. Each names in its first comment the
 * oldest engine that may still run on what it leaves (min_engine). Blocking.
 */
#ifndef EDM_SCHEDULER_SETUP_MIGRATE_H
#define EDM_SCHEDULER_SETUP_MIGRATE_H

#include "engine/pg/blocking.h"

/* Applies what is missing and makes the installation (uuid, rid key) if there is none; how many
 * were applied. Refuses a database that a newer engine has migrated past us, and one
 * whose applied migrations are not those we have (checksum). */
int migrate_apply(struct pg_blocking *db, int *applied_out, struct err *err) NODISCARD;
/* ERR_NOT_FOUND ("run edm init") when the schema is missing or behind, ERR_REFUSED when a newer
 * engine is required. */
int migrate_check(struct pg_blocking *db, struct err *err) NODISCARD;

#endif
