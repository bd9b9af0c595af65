/* SPDX-License-Identifier: MIT */
/*
 * Static routes: recipient domain → host:port, before DNS. That is the site; limits and pauses may
 * name it by its host alone. "*" is the route of every domain that has none of its own. Immutable
 * rows of a snapshot; any thread.
 */
#ifndef EDM_IP_POOL_ROUTE_H
#define EDM_IP_POOL_ROUTE_H

#include "engine/base/err.h"
#include "engine/base/str.h"

/* X(suffix, number in the database, name) */
#define ROUTE_TLS(X)                                                                               \
	X(NONE, 1, "none")                                                                         \
	X(OPPORTUNISTIC, 2, "opportunistic")                                                       \
	X(REQUIRED, 3, "required")                                                                 \
	X(VERIFIED, 4, "verified")

#define X(suffix, number, name) ROUTE_TLS_##suffix = number,
enum route_tls { ROUTE_TLS(X) };
#undef X

struct route {
	struct str domain; /* lower case, or "*" */
	struct str host;   /* name or address literal */
	uint16_t port;
	enum route_tls tls;
	struct str auth_user;	    /* empty: no AUTH */
	struct str sealed_password; /* encrypted under the node file */
};

const char *route_tls_name(enum route_tls tls);
int route_tls_parse(struct str name, enum route_tls *out) NODISCARD;
/* "mail.example.com:25", "[2001:db8::1]:587"; -1 with a sentence (ERR_USAGE). The host is a slice
 * of text. */
int route_parse_target(struct str text, struct str *host_out, uint16_t *port_out,
		       struct err *err) NODISCARD;
/* The route of a domain (lower case), that of "*", or NULL. */
const struct route *route_find(const struct route *routes, size_t count, struct str domain);

/* Whether one of them leads to the site called name: "host:port", or the host alone. */
bool route_leads_to(const struct route *routes, size_t count, struct str name);

#endif
