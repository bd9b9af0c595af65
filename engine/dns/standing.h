/* SPDX-License-Identifier: MIT */
/*
 * What receivers look up about an address that sends: its reverse name, whether that leads back to
 * it (forward-confirmed, RFC 1912 2.1), whether it is the name said at EHLO and that leads to the
 * address, and block lists (RFC 5782).
 *
 * A check belongs to its resolver's loop. No callback runs before standing_start has returned.
 */
#ifndef EDM_ENGINE_DNS_STANDING_H
#define EDM_ENGINE_DNS_STANDING_H

#include "engine/base/buf.h"
#include "engine/dns/resolver.h"

#define STANDING_LISTS_MAX 8
/* Of an address with several reverse names so many are looked at: one that is sound is enough. */
#define STANDING_NAMES_MAX 4

/* X(suffix, name in logs) */
#define STANDING_REVERSES(X)                                                                       \
	X(SOUND, "sound")	/* its name leads back and is the EHLO name */                     \
	X(NAMELESS, "nameless") /* there is no PTR */                                              \
	X(ASTRAY, "astray")	/* its name does not lead back */                                  \
	X(OTHER, "other")	/* its name leads back, and EHLO says another */                   \
	X(UNKNOWN, "unknown")	/* DNS did not tell */

enum standing_reverse {
#define X(suffix, name) STANDING_##suffix,
	STANDING_REVERSES(X)
#undef X
};

/* Strings are borrowed until the check is over. */
struct standing_ask {
	struct ip address;
	struct str ehlo;
	struct str lists[STANDING_LISTS_MAX]; /* zones: "zen.spamhaus.org" */
	size_t list_count;
};

struct standing {
	enum standing_reverse reverse;
	enum dns_status status;		     /* of what failed, when UNKNOWN */
	struct str name;		     /* the reverse name; empty = none */
	bool is_ehlo_astray;		     /* the EHLO name is known not to lead to the address */
	bool is_ehlo_unknown;		     /* DNS did not tell */
	bool is_listed[STANDING_LISTS_MAX];  /* by lists[i] */
	bool is_refused[STANDING_LISTS_MAX]; /* lists[i] does not answer us, or says so */
};

struct standing_check;
/* Both are valid during the call; the check is over. */
typedef void (*standing_on_known)(void *owner, const struct standing_ask *ask,
				  const struct standing *standing);

struct standing_check *standing_start(struct resolver *r, const struct standing_ask *ask,
				      standing_on_known on_known, void *owner);
/* on_known will not be called. NULL is fine; not after on_known. */
void standing_cancel(struct standing_check *check);

/* The name that is asked of a list about an address: "2.2.0.192.zen.spamhaus.org". Empty if it
 * would be too long. */
struct str standing_list_name(const struct ip *address, struct str zone,
			      char dst[DNS_NAME_MAX + 1]);
/* What a list's address means: 127.255.255.0/24 says that it does not answer us; any other of
 * 127.0.0.0/8 that the address is listed. */
bool standing_is_listing(const struct ip *answer);
bool standing_is_refusal(const struct ip *answer);
/* Of an address with two names: what is to be said of it. */
enum standing_reverse standing_better(enum standing_reverse a, enum standing_reverse b);
/* What is known of an address once found is, of the same questions: where DNS did not tell, what
 * was known before stays. Its name becomes that of found, or stays; both are borrowed. */
void standing_merge(const struct standing_ask *ask, const struct standing *found,
		    struct standing *known);
/* What is wrong, as clauses joined by "; "; nothing if all is well or unknown. */
void standing_render(const struct standing_ask *ask, const struct standing *standing,
		     struct buf *out);

#endif
