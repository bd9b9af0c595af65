/* SPDX-License-Identifier: MIT */
/*
 * Record sets: the records of one name and type, asked for once and kept by TTL.
 *
 * However many want a set, one question for it is in flight. Servers are asked in the order
 * given; one that stays silent is rested, a SERVFAIL is tried at the others. Whatever comes out is
 * kept: answers by their TTL, "does not exist" by the negative TTL, failures for a moment
 * (RFC 2308, RFC 9520). The loop's thread only.
 */
#ifndef EDM_ENGINE_DNS_RRSET_PRIVATE_H
#define EDM_ENGINE_DNS_RRSET_PRIVATE_H

#include "engine/dns/answer.h"
#include "engine/dns/resolver.h"

struct rrsets;

/* Somebody who waits for a set: embedded in the owner, zeroed at first. */
struct rrset_waiter {
	struct list node; /* on the set's list of waiters; on none when answered or forgotten */
	/* answer lives during the call; its ttl_s is what is left of it, at least 1. */
	void (*on_rrset)(struct rrset_waiter *w, const struct dns_answer *answer);
};

/* options as in resolver_open, which validates them. */
struct rrsets *rrsets_open(struct loop *loop, const struct resolver_options *options,
			   struct err *err);
/* Wants the records of name (normalised) and type; w->on_rrset runs once, after this returned. */
void rrsets_want(struct rrsets *rr, struct str name, enum dns_type type, struct rrset_waiter *w);
/* w is not called any more; it may be waiting or not. */
void rrsets_forget(struct rrset_waiter *w);
/* Adds what this layer counts to stats. */
void rrsets_stats(const struct rrsets *rr, struct resolver_stats *stats);
/* Stops asking and calling at once. Free it (rrsets_free) after the present callback is over. */
void rrsets_close(struct rrsets *rr);
void rrsets_free(struct rrsets *rr);

#endif
