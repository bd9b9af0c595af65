/* SPDX-License-Identifier: MIT */
/* Pauses in the database, by operators (blocking) and by nodes (as parameters). See change.h. */
#ifndef EDM_IP_POOL_STORE_PAUSE_STORE_H
#define EDM_IP_POOL_STORE_PAUSE_STORE_H

#include "engine/pg/blocking.h"
#include "ip-pool/pause.h"
#include "ip-pool/store/change.h"

#define PAUSE_STORE_ADD "ip-pool/add_pause"

/* Parameters of PAUSE_STORE_ADD for pause (id, since_us and until_ms are not read), for for_ms or,
 * 0, until lifted. p must be initialised; a node sends them with pg_call. */
void pause_store_params(struct pg_params *p, const struct pause *pause, int64_t for_ms);
/* Refuses scopes that cannot be, with a sentence (ERR_USAGE): a campaign on one source. */
int pause_store_check(const struct pause *pause, struct err *err) NODISCARD;
int pause_store_add(struct pg_blocking *conn, const struct pause *pause, int64_t for_ms,
		    struct err *err) NODISCARD;
/* Lifts the pauses of exactly the scope of pause, or the one with its id if that is not 0. Returns
 * how many, 0 included; -1 on errors. */
int pause_store_lift(struct pg_blocking *conn, const struct pause *pause,
		     const struct change *change, struct err *err) NODISCARD;
/* Lifts all but those of campaigns. */
int pause_store_lift_all(struct pg_blocking *conn, const struct change *change,
			 struct err *err) NODISCARD;

#endif
