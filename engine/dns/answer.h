/* SPDX-License-Identifier: MIT */
/*
 * What a DNS server answered: raw packets (RFC 1035) to plain records with TTLs.
 *
 * The parser follows the CNAME chain inside the packet, keeps the records of the type asked at its
 * end, and turns everything else (rcode, no records, garbage) into a status, because for mail the
 * difference between "does not exist", "has none" and "could not be asked" decides who is bounced.
 * Input is hostile: names only point backwards, chains and counts are capped, and a name that is
 * no host name is kept as such and never asked for. Pure; any thread.
 */
#ifndef EDM_ENGINE_DNS_ANSWER_H
#define EDM_ENGINE_DNS_ANSWER_H

#include "engine/base/arena.h"
#include "engine/base/ip.h"

enum dns_type {
	DNS_A = 1,
	DNS_CNAME = 5,
	DNS_SOA = 6,
	DNS_PTR = 12,
	DNS_MX = 15,
	DNS_TXT = 16,
	DNS_AAAA = 28,
};

/* X(suffix, name in logs) */
#define DNS_STATUSES(X)                                                                            \
	X(OK, "ok")		  /* at least one record */                                        \
	X(NODATA, "nodata")	  /* the name exists, without records of this type */              \
	X(NXDOMAIN, "nxdomain")	  /* the name does not exist */                                    \
	X(SERVFAIL, "servfail")	  /* the servers failed or refused */                              \
	X(TIMEOUT, "timeout")	  /* nobody answered in time */                                    \
	X(MALFORMED, "malformed") /* an answer that is none */                                     \
	X(ALIAS, "alias")	  /* only a CNAME: ask again for answer.name */

enum dns_status {
#define X(suffix, name) DNS_##suffix,
	DNS_STATUSES(X)
#undef X
};

/* Most records kept of an answer, and most CNAMEs followed. */
#define DNS_RECORDS_MAX 512
#define DNS_CHAIN_MAX 8
/* Longest name as text, without a NUL (RFC 1035 2.3.4), and most bytes kept of a TXT record. */
#define DNS_NAME_MAX 253
#define DNS_TXT_MAX 4096

struct dns_record {
	uint16_t preference; /* MX */
	/* MX, PTR: host name in lower case without a trailing dot, "." for the root, or empty when
	 * the target is no host name. TXT: the strings, joined. Else empty. */
	struct str name;
	struct ip ip; /* A, AAAA */
};

struct dns_answer {
	enum dns_status status;
	/* Seconds this may be kept: the least TTL of the chain and the records, or for NODATA and
	 * NXDOMAIN the negative TTL (RFC 2308 5: least of the SOA's TTL and minimum), or 0. */
	uint32_t ttl_s;
	struct str name; /* the end of the CNAME chain, or the name asked */
	const struct dns_record *records;
	size_t count; /* > 0 only when DNS_OK */
};

/*
 * Parses packet, the answer to a question (name, type); name is normalised (dns_name_normalise).
 * Everything in the result lives in arena. Never fails: a bad packet is DNS_MALFORMED.
 */
struct dns_answer dns_parse(struct str packet, struct str name, enum dns_type type,
			    struct arena *arena);
/* A copy in one block of *size_out bytes that the caller releases with free(). */
struct dns_answer *dns_answer_copy(const struct dns_answer *answer, size_t *size_out);

/* Lower-cases name into dst, drops one trailing dot. -1 unless it is a host name that can be
 * asked for: labels of 1–63 letters, digits, '-' and '_', at most DNS_NAME_MAX bytes. An
 * international name must be in its ASCII form (RFC 5891). */
int dns_name_normalise(struct str name, char dst[DNS_NAME_MAX + 1], struct str *out) NODISCARD;
/* "4.3.2.1.in-addr.arpa" or its ip6.arpa form (RFC 1035 3.5, RFC 3596 2.5) in dst. */
struct str dns_reverse_name(const struct ip *ip, char dst[DNS_NAME_MAX + 1]);
/* The least of ttl_s, bounded below and above; for negative answers use other bounds. */
int64_t dns_keep_ms(uint32_t ttl_s, int64_t min_ms, int64_t max_ms);
/* "ok", "nxdomain", …; a constant. */
const char *dns_status_name(enum dns_status status);

#endif
