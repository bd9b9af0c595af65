/* SPDX-License-Identifier: MIT */
/*
 * One DNS server: a c-ares channel of its own on the loop.
 *
 * A channel per server, and one try per question, so that which server is asked next, how long,
 * and what its failure means is decided by us (rrset) and not inside c-ares 1.18, which reports a
 * SERVFAIL of all servers as "connection refused". Truncated answers are asked again over TCP and
 * FORMERR to EDNS without EDNS by c-ares. Names are asked as they are: no search list, no hosts
 * file, no environment. The loop's thread only.
 */
#ifndef EDM_ENGINE_DNS_UPSTREAM_PRIVATE_H
#define EDM_ENGINE_DNS_UPSTREAM_PRIVATE_H

#include "engine/base/err.h"
#include "engine/base/ip.h"
#include "engine/dns/answer.h"
#include "engine/loop/loop.h"

struct upstream;

/* The raw answer, valid during the call; empty when there was none in time or the server could
 * not be reached. Runs inside c-ares: it must not call into the upstream, nor close it. */
typedef void (*upstream_on_reply)(void *owner, struct str packet);

/* A server asked once per question for timeout_ms (over TCP again as long). NULL and err when
 * c-ares can't start. */
struct upstream *upstream_open(struct loop *loop, const struct ip_port *server, int timeout_ms,
			       struct err *err);
/* Asks for name (NUL-terminated, normalised). on_reply runs exactly once, possibly before this
 * returns, unless the upstream is closed first. */
void upstream_ask(struct upstream *u, const char *name, enum dns_type type,
		  upstream_on_reply on_reply, void *owner);
/* No callback runs any more; memory goes when the loop has closed the handles. NULL is fine. */
void upstream_close(struct upstream *u);

/* The name servers of /etc/resolv.conf, at most max; returns how many. */
size_t upstream_system_servers(struct ip_port *out, size_t max);

#endif
