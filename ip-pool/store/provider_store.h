/* SPDX-License-Identifier: MIT */
/* Overrides of provider profiles in the database. See change.h. */
#ifndef EDM_IP_POOL_STORE_PROVIDER_STORE_H
#define EDM_IP_POOL_STORE_PROVIDER_STORE_H

#include "engine/pg/blocking.h"
#include "ip-pool/provider.h"
#include "ip-pool/store/change.h"

/*
 * Puts keys of a profile ({"limits":{"connections":5},"verp":false}) over the provider's, or makes
 * a provider of one's own (then "mx_suffixes" is needed); for_ms 0: until changed, else it ends by
 * itself after so long, by the database's clock. Refuses (ERR_USAGE) what would make the table
 * unsound, now or when something said for a time ends, and writes nothing then.
 *
 * Of these three each is one change, with a number and an event that says what was and is.
 */
int provider_store_set(struct pg_blocking *conn, const struct provider_override *override,
		       int64_t for_ms, const struct change *change, struct err *err) NODISCARD;
/* Back to the built-in profile; ERR_NOT_FOUND if nothing was set. */
int provider_store_unset(struct pg_blocking *conn, struct str name, const struct change *change,
			 struct err *err) NODISCARD;
/*
 * Undoes change number (0: the last one): what it said ends, and what it ended holds again. Undoing
 * twice is as if nothing had been undone. *number_out: the one undone. ERR_NOT_FOUND if there is no
 * such change; ERR_REFUSED if nothing of it holds any more, or what is left would be unsound.
 */
int provider_store_undo(struct pg_blocking *conn, int64_t number, const struct change *change,
			int64_t *number_out, struct err *err) NODISCARD;

#endif
