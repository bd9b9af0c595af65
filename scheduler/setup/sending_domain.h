/* SPDX-License-Identifier: MIT */
/*
 * Sending domains and their DKIM keys in the database. A private key is made here, sealed under
 * node.key (secrets.h) before it leaves this module, and never shown.
 *
 * Blocking, for the command line. Every change is one statement that also leaves an event and
 * notifies the nodes. Errors are sentences: ERR_USAGE, ERR_NOT_FOUND, ERR_REFUSED, ERR_DATABASE.
 */
#ifndef EDM_SCHEDULER_SETUP_SENDING_DOMAIN_H
#define EDM_SCHEDULER_SETUP_SENDING_DOMAIN_H

#include "engine/base/arena.h"
#include "engine/mail/signer.h"
#include "engine/pg/blocking.h"
#include "ip-pool/store/change.h"
#include "scheduler/setup/secrets.h"

/*
 * X(suffix, number in the database, name)
 *   later    made, published soon; signs nothing yet
 *   signing  every message of the domain is signed with it
 *   retired  signs no more; its record may go when the last mail signed with it has arrived
 */
#define SENDING_KEY_STATES(X)                                                                      \
	X(LATER, 1, "later")                                                                       \
	X(SIGNING, 2, "signing")                                                                   \
	X(RETIRED, 3, "retired")

#define SENDING_SELECTOR_MAX 63

#define X(suffix, number, name) SENDING_KEY_##suffix = number,
enum sending_key_state { SENDING_KEY_STATES(X) };
#undef X

struct sending_key {
	struct str selector;
	enum signer_algorithm algorithm;
	enum sending_key_state state;
	struct str public_key; /* p= of its record */
	struct str sealed;     /* the private key under node.key */
};

struct sending_domain {
	int32_t id;
	struct str name;	     /* A-labels, lower case */
	struct str return_path;	     /* domain of VERP addresses; empty = mail returns to From */
	struct str feedback_id;	     /* last part of Feedback-ID; empty = no such header */
	struct str unsubscribe_base; /* URL prefix; empty = no List-Unsubscribe */
	struct sending_key *keys;    /* by selector */
	size_t key_count;
};

struct sending_domains {
	struct sending_domain *items; /* by name */
	size_t count;
	struct arena arena; /* of everything */
};

/* The domain called name, or with an empty name all in use; ERR_NOT_FOUND for a name that is not.
 * End them with sending_domains_done. */
int sending_domains_load(struct pg_blocking *db, struct str name, struct sending_domains *out,
			 struct err *err) NODISCARD;
void sending_domains_done(struct sending_domains *d);

/* Adds d (name in any case or script; keys and id are not read). */
int sending_domain_add(struct pg_blocking *db, const struct sending_domain *d,
		       const struct change *change, struct err *err) NODISCARD;
/* Changes the fields of d whose ptr is not NULL; an empty one is taken away. */
int sending_domain_set(struct pg_blocking *db, const struct sending_domain *d,
		       const struct change *change, struct err *err) NODISCARD;
/* Its keys are retired; campaigns from it are no longer signed. */
int sending_domain_remove(struct pg_blocking *db, struct str name, const struct change *change,
			  struct err *err) NODISCARD;

/* What key to make. */
struct sending_key_order {
	const struct sending_domain *domain; /* as loaded */
	struct str selector;		     /* empty: the next that is free, "edm1", "edm2" … */
	enum signer_algorithm algorithm;
	enum sending_key_state state;
	const struct secrets *secrets;
};

/* Makes, seals and stores a key (up to a second). Its selector comes out as a C string. */
int sending_key_make(struct pg_blocking *db, const struct sending_key_order *order,
		     const struct change *change, char selector_out[SENDING_SELECTOR_MAX + 1],
		     struct err *err) NODISCARD;
/* From one state to another; ERR_REFUSED when it is there already. */
int sending_key_move(struct pg_blocking *db, const struct sending_domain *domain,
		     const struct sending_key *moved, const struct change *change,
		     struct err *err) NODISCARD;
const char *sending_key_state_name(enum sending_key_state state);
/* The key called selector, or NULL. */
const struct sending_key *sending_key_find(const struct sending_domain *domain,
					   struct str selector);
/* Appends "edm1._domainkey.example.com". */
void sending_key_record_name(const struct sending_domain *domain, const struct sending_key *key,
			     struct buf *out);
/* Appends "v=DKIM1; k=rsa; p=…" (RFC 6376 3.6.1). */
void sending_key_record_value(const struct sending_key *key, struct buf *out);

#endif
