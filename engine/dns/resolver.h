/* SPDX-License-Identifier: MIT */
/*
 * The resolver: where a domain's mail goes, from DNS, kept by TTL.
 *
 * resolver_mx finds the MX set of a domain and the addresses of its hosts (engine/dns/mx says what
 * all of it means); resolver_host does the same for a host named by the operator; resolver_query
 * asks for plain records (PTR, TXT, …). Answers are immutable snapshots that other threads may
 * hold. A name is in flight once, however many ask; the cache is bounded; every question ends
 * within total_ms of being sent, so every request is answered.
 *
 * The resolver and all its functions belong to the loop's thread. No callback runs before the
 * function that started it has returned. A request's handle is valid until its callback starts or
 * it is cancelled.
 */
#ifndef EDM_ENGINE_DNS_RESOLVER_H
#define EDM_ENGINE_DNS_RESOLVER_H

#include "engine/base/err.h"
#include "engine/dns/mx.h"
#include "engine/loop/loop.h"

#define RESOLVER_SERVERS_MAX 8

struct resolver;
struct resolver_request;

struct resolver_options {
	/* "127.0.0.1:5353,[::1]:53": recursive servers, asked in this order, at most
	 * RESOLVER_SERVERS_MAX; empty: those of /etc/resolv.conf. */
	struct str servers;
	struct mx_policy policy; /* copied */
	int64_t attempt_ms;	 /* how long one server is waited for; over TCP again as long */
	int64_t total_ms;	 /* no new attempt for a question after this */
	int64_t ttl_min_ms, ttl_max_ms; /* bounds of how long records are kept */
	int64_t negative_max_ms; /* most that NXDOMAIN and NODATA are kept (least: ttl_min) */
	int64_t failure_ms;	 /* how long a failure is kept */
	int64_t stale_ms;	 /* a good answer outlives its TTL by this while DNS fails */
	size_t cache_bytes;	 /* budget of records and answers together */
	size_t in_flight_max;	 /* questions sent and not answered; more wait in line */
};

struct resolver_stats {
	uint64_t requests;   /* resolver_mx, _host and _query */
	uint64_t hits;	     /* of these: answered from the cache */
	uint64_t questions;  /* sent to servers, each try */
	uint64_t timeouts;   /* of these: nobody answered */
	uint64_t failures;   /* of these: SERVFAIL, REFUSED, garbage */
	uint64_t stale_used; /* answers that bridged a failure of DNS */
	uint64_t evicted;    /* cache entries that had to go for the budget */
	size_t in_flight;    /* questions now */
	size_t in_line;	     /* questions waiting for in_flight_max */
	size_t cached;	     /* entries */
	size_t cached_bytes;
};

/* answer is the resolver's: mx_answer_hold it to keep it. */
typedef void (*resolver_on_mx)(void *owner, struct mx_answer *answer);
/* answer is valid during the call. */
typedef void (*resolver_on_answer)(void *owner, const struct dns_answer *answer);

/* Sensible options: the system's servers, IPv4 only, public addresses only, 2.5 s a try, 10 s. */
struct resolver_options resolver_options_default(void);
/* NULL and err when servers can't be parsed, or there are none. */
struct resolver *resolver_open(struct loop *loop, const struct resolver_options *options,
			       struct err *err);
/* Other sources, other rules: answers made under the old policy are made again when asked for. */
void resolver_set_policy(struct resolver *r, const struct mx_policy *policy);

/* Finds the MX set of domain (ASCII form; a name that can't exist is MX_NXDOMAIN). */
struct resolver_request *resolver_mx(struct resolver *r, struct str domain, resolver_on_mx on_mx,
				     void *owner);
/* Finds the addresses of host, or takes host as an address if it is one, without the policy's
 * rules about special and own addresses. The answer is that of an implicit MX. */
struct resolver_request *resolver_host(struct resolver *r, struct str host, resolver_on_mx on_mx,
				       void *owner);
/* Asks for the records of name and type. NULL, and no callback, when name is no host name. */
struct resolver_request *resolver_query(struct resolver *r, struct str name, enum dns_type type,
					resolver_on_answer on_answer, void *owner);
/* The answer for domain if it is in the cache and fresh, else NULL; for the hot path. It is the
 * resolver's, valid until the loop turns. */
struct mx_answer *resolver_cached_mx(struct resolver *r, struct str domain);
/* The callback does not run any more; the question goes on for the cache. NULL is fine. */
void resolver_cancel(struct resolver_request *request);

void resolver_stats(const struct resolver *r, struct resolver_stats *out);
/* Stops all callbacks at once; requests are gone. Memory goes when the loop has closed the
 * handles: turn it afterwards. NULL is fine. */
void resolver_close(struct resolver *r);

#endif
