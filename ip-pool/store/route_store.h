/* SPDX-License-Identifier: MIT */
/* Static routes in the database. See change.h. */
#ifndef EDM_IP_POOL_STORE_ROUTE_STORE_H
#define EDM_IP_POOL_STORE_ROUTE_STORE_H

#include "engine/pg/blocking.h"
#include "ip-pool/route.h"
#include "ip-pool/store/change.h"

/* Sets the route of route->domain ("*" or a domain in any case). Refuses a password in the clear:
 * AUTH with TLS none. */
int route_store_set(struct pg_blocking *conn, const struct route *route,
		    const struct change *change, struct err *err) NODISCARD;
int route_store_remove(struct pg_blocking *conn, struct str domain, const struct change *change,
		       struct err *err) NODISCARD;

#endif
