/* SPDX-License-Identifier: MIT */
/*
 * Tokens that name a recipient of a campaign to the outside: in the return path (VERP,
 * b-TOKEN@domain) and in the unsubscribe link. A token is 32 characters of base32 in lower case
 * (RFC 4648 section 6, so that a relay that folds local parts does no harm): rid, campaign and a
 * 64-bit keyed MAC (SipHash-2-4 under a key derived from the installation's). It holds no address,
 * and one made for a bounce does not unsubscribe. Pure; any thread.
 */
#ifndef EDM_LISTS_TOKEN_H
#define EDM_LISTS_TOKEN_H

#include "engine/base/hash.h"
#include "engine/base/str.h"

#define TOKEN_LEN 32 /* characters, without the NUL */

enum token_purpose {
	TOKEN_BOUNCE = 1,
	TOKEN_UNSUBSCRIBE = 2,
};

struct token {
	int64_t rid;
	int32_t campaign_id;
};

/* Writes the token, NUL-terminated. key is the installation's (edm.installation.rid_key). */
void token_render(const struct hash_key *key, enum token_purpose purpose, const struct token *token,
		  char out[TOKEN_LEN + 1]);
/* Reads text (any case). -1: not a token, or not one we made for this purpose. */
int token_parse(const struct hash_key *key, enum token_purpose purpose, struct str text,
		struct token *out) NODISCARD;

#endif
