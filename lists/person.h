/* SPDX-License-Identifier: MIT */
/*
 * One row of a file, made into a person: address, key, domain, attributes; or refused, with the
 * reason. Pure; one scratch a thread.
 */
#ifndef EDM_LISTS_PERSON_H
#define EDM_LISTS_PERSON_H

#include "engine/base/address.h"
#include "engine/base/buf.h"
#include "engine/base/hash.h"
#include "lists/mapping.h"

#define PERSON_ATTRIBUTES_MAX (256u << 10) /* bytes of JSON */

/* Why a row is refused, beside the reasons an address has. X(suffix, name, clause for a person) */
#define PERSON_REASONS(X)                                                                          \
	X(OK, "ok", "nothing is wrong")                                                            \
	X(ADDRESS, "address", "")                                                                  \
	X(CELLS, "cells", "the row has more cells than there are columns")                         \
	X(NUL, "nul", "the row holds a NUL byte")                                                  \
	X(ENCODING, "encoding", "the row holds bytes that are not of the file's encoding")         \
	X(TOO_BIG, "too-big", "the row is too big")                                                \
	X(COLLISION, "collision",                                                                  \
	  "the address has the same recipient id as another one; it cannot be stored")

enum person_reason {
#define X(suffix, name, sentence) PERSON_##suffix,
	PERSON_REASONS(X)
#undef X
};

struct person {
	struct address address;
	int64_t rid;
	struct buf attributes; /* a JSON object; {} if there are none */
	enum person_reason reason;
	enum address_reason address_reason; /* when reason is PERSON_ADDRESS */
};

void person_init(struct person *p);
void person_done(struct person *p);
/* Makes the row a person by the mapping; key is the installation's. Returns false, with reason set,
 * when the row is refused. Empty cells are no attributes. */
bool person_parse(struct person *p, const struct csv_row *row, const struct mapping *m,
		  const struct hash_key *key);
/* rid of an address. */
int64_t person_rid(const struct address *a, const struct hash_key *key);
/* Constants: the reason in a word, and as a clause. */
const char *person_reason_name(const struct person *p);
const char *person_reason_sentence(const struct person *p);

#endif
