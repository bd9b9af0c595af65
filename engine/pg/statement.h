/* SPDX-License-Identifier: MIT */
/*
 * Statements by name: "ledger/claim" is the file schemas/queries/ledger/claim.sql, one statement,
 * embedded at build time. Also SQLSTATEs in struct err. Any thread; pure.
 */
#ifndef EDM_ENGINE_PG_STATEMENT_H
#define EDM_ENGINE_PG_STATEMENT_H

#include "engine/base/err.h"
#include "engine/base/str.h"

/* The text of a statement, NUL-terminated; must() that it exists. */
const char *statement_text(const char *name);

/* The five characters of a SQLSTATE as a number for struct err's code; 0 if it is not one. */
int pg_sqlstate_pack(const char *sqlstate);
/* Whether err came from the database with this SQLSTATE ("23505"). */
bool pg_err_is(const struct err *err, const char *sqlstate);
/* Whether its SQLSTATE is of this class, the first two characters ("23"). */
bool pg_err_is_of(const struct err *err, const char *klass);

#endif
