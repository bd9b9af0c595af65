/* SPDX-License-Identifier: MIT */
/* Limit rules in the database. A change ends a row and adds one, so that it can be undone. See
 * change.h. */
#ifndef EDM_IP_POOL_STORE_LIMIT_STORE_H
#define EDM_IP_POOL_STORE_LIMIT_STORE_H

#include "engine/pg/blocking.h"
#include "ip-pool/limit.h"
#include "ip-pool/store/change.h"

/*
 * States the numbers of rule (id and until_ms are not read), for for_ms or, 0, for ever; all or
 * none of them. A lasting number replaces the lasting one of the same scope, kind and period.
 */
int limit_store_set(struct pg_blocking *conn, const struct limit_rule *rule, int64_t for_ms,
		    const struct change *change, struct err *err) NODISCARD;
/* Ends the limits of exactly this scope: those whose values are not LIMIT_NONE (their numbers do
 * not matter), or all when the values are empty. Returns how many, 0 included; -1 on errors. */
int limit_store_unset(struct pg_blocking *conn, const struct limit_rule *rule,
		      const struct change *change, struct err *err) NODISCARD;
/* Undoes the setting or unsetting of limit id; id 0: the whole last change, which may have been
 * about several. *id_out: what was undone, the last of them. */
int limit_store_undo(struct pg_blocking *conn, int64_t id, const struct change *change,
		     int64_t *id_out, struct err *err) NODISCARD;

#endif
