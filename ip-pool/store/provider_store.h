/* SPDX-License-Identifier: MIT */
/* Overrides of provider profiles in the database. See change.h. */
#ifndef EDM_IP_POOL_STORE_PROVIDER_STORE_H
#define EDM_IP_POOL_STORE_PROVIDER_STORE_H

#include "engine/pg/blocking.h"
#include "ip-pool/provider.h"
#include "ip-pool/store/change.h"

/*
 * Puts keys of a profile ({"limits":{"connections":5},"verp":false}) over the provider's, or makes
 * a provider of one's own (then "mx_suffixes" is needed). Refuses (ERR_USAGE), before anything is
 * written, what would make the table unsound.
 */
int provider_store_set(struct pg_blocking *conn, const struct provider_override *override,
		       const struct change *change, struct err *err) NODISCARD;
/* Back to the built-in profile; ERR_NOT_FOUND if nothing was set. */
int provider_store_unset(struct pg_blocking *conn, struct str name, const struct change *change,
			 struct err *err) NODISCARD;

#endif
