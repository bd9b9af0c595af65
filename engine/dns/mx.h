/* SPDX-License-Identifier: MIT */
/*
 * From DNS answers to the hosts a domain's mail goes to (RFC 5321 5.1, RFC 7505).
 *
 * A draft takes the MX answer first (mx_draft_start), says which hosts need addresses, takes an A
 * and an AAAA answer for each (mx_draft_address), and ends as an immutable struct mx_answer
 * (mx_draft_finish). All decisions about MX stand here: order, implicit MX, null MX, duplicates,
 * hosts and addresses never to connect to, caps, and which failure outweighs which. Pure; the
 * answer is reference-counted and may be read by any thread.
 *
 *	site	the normalised, sorted set of MX host names joined by ',': the key of a site
 */
#ifndef EDM_ENGINE_DNS_MX_H
#define EDM_ENGINE_DNS_MX_H

#include "engine/dns/answer.h"

/* Hosts kept of a domain, the best first, and addresses kept of a host and family. */
#define MX_HOSTS_MAX 20
#define MX_ADDRESSES_MAX 8

/* X(suffix, name in logs, is it about the domain and lasting (else: could not be found out)) */
#define MX_RESULTS(X)                                                                              \
	X(OK, "ok", false)		/* there are hosts with addresses */                       \
	X(NULL_MX, "null-mx", true)	/* the domain says it takes no mail (RFC 7505) */          \
	X(NXDOMAIN, "nxdomain", true)	/* the domain does not exist */                            \
	X(NODATA, "nodata", true)	/* neither MX nor address */                               \
	X(NO_HOST, "no-host", true)	/* MX exist, none has an address */                        \
	X(FORBIDDEN, "forbidden", true) /* only addresses that mail must not go to */              \
	X(SERVFAIL, "servfail", false) /* the name servers failed, refused or answered nonsense */ \
	X(TIMEOUT, "timeout", false)   /* no answer in time */

enum mx_result {
#define X(suffix, name, lasting) MX_##suffix,
	MX_RESULTS(X)
#undef X
};

/* What a node may connect to. Slices belong to the caller and outlive the drafts. */
struct mx_policy {
	bool uses_ipv4, uses_ipv6;	/* families for which this node has a source */
	const struct ip_range *allowed; /* special addresses that are fine all the same */
	size_t allowed_count;
	const struct ip *own; /* our own addresses: mail to them would loop */
	size_t own_count;
};

struct mx_host {
	struct str name; /* normalised, NUL-terminated */
	uint16_t preference;
	uint8_t address_count;	    /* ≥ 1 */
	const struct ip *addresses; /* in the order of the answers, AAAA before A */
};

/* Immutable; mx_answer_hold and mx_answer_drop are thread-safe. */
struct mx_answer {
	enum mx_result result;
	bool is_implicit;	     /* no MX record: the host is the domain itself */
	struct str site;	     /* empty unless the MX set is known; NUL-terminated */
	size_t host_count;	     /* > 0 only when MX_OK */
	const struct mx_host *hosts; /* by preference, then name; each has an address */
	size_t size;		     /* bytes of this block, for budgets */
	int refs;		     /* atomic */
};

struct mx_draft_host {
	struct str name;
	uint16_t preference;
	uint32_t ttl_s;
	bool is_forbidden, has_failed, has_timed_out; /* what the look-ups met */
	struct ip addresses[2 * MX_ADDRESSES_MAX];
	uint8_t address_count;
};

struct mx_draft {
	struct arena *arena;
	const struct mx_policy *policy;
	struct str domain;
	enum mx_result result; /* MX_OK while there are hosts to look up */
	bool is_implicit;
	uint32_t ttl_s; /* least TTL of all that was used; negative TTL for NXDOMAIN, NODATA */
	size_t host_count;
	struct mx_draft_host *hosts;
};

/*
 * Starts a draft for domain (normalised) from the answer to its MX query. Strings are not copied:
 * answer, domain, policy and arena must outlive the draft. Look up draft->hosts[0 … host_count-1]
 * next; with none, finish.
 */
void mx_draft_start(struct mx_draft *d, struct arena *arena, struct str domain,
		    const struct dns_answer *answer, const struct mx_policy *policy);
/* Starts a draft for one host named by the operator (a static route): no MX, and policy's rules
 * about special and own addresses do not hold. */
void mx_draft_start_host(struct mx_draft *d, struct arena *arena, struct str host,
			 const struct mx_policy *policy);
/* Takes the answer to an A or AAAA query for host number i. */
void mx_draft_address(struct mx_draft *d, size_t i, const struct dns_answer *answer);
/* The result, with one reference, which is the caller's. The draft is done; its ttl_s stands. */
struct mx_answer *mx_draft_finish(struct mx_draft *d);

/* A copy of an answer with some of its hosts: bit i of hosts keeps number i; site is its key. */
struct mx_answer *mx_answer_part(const struct mx_answer *answer, uint32_t hosts, struct str site);
struct mx_answer *mx_answer_hold(struct mx_answer *answer);
/* NULL is fine. */
void mx_answer_drop(struct mx_answer *answer);

/* Fills order (host_count indexes) with the order in which one session tries the hosts: by
 * preference, equals shuffled by seed (RFC 5321 5.1). Same seed, same order. */
void mx_order(const struct mx_answer *answer, uint64_t seed, uint8_t order[MX_HOSTS_MAX]);
/* "ok", "null-mx", …; a constant. */
const char *mx_result_name(enum mx_result result);
/* True when the domain itself is at fault, false when it is OK or could not be found out. */
bool mx_result_is_lasting(enum mx_result result);

#endif
