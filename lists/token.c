/* SPDX-License-Identifier: MIT */
/* Tokens of recipients; see token.h. Bytes: rid (8), campaign (4), MAC (8), big-endian. */
#include "lists/token.h"

#include <string.h>

#define TOKEN_BYTES 20
#define NAMED_BYTES 12 /* rid and campaign */

static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";

static void put_be(unsigned char *out, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		out[i] = (unsigned char)(v >> (8 * (bytes - 1 - i)));
}

static uint64_t get_be(const unsigned char *in, unsigned bytes)
{
	uint64_t v = 0;
	for (unsigned i = 0; i < bytes; i++)
		v = v << 8 | in[i];
	return v;
}

/* The MAC of the named bytes: its key is derived, because the installation's own is for rids. */
static uint64_t mac(const struct hash_key *key, enum token_purpose purpose,
		    const unsigned char named[NAMED_BYTES])
{
	struct hash_key derived;
	unsigned char message[1 + NAMED_BYTES];
	put_be(derived.bytes, hash_keyed(key, STR("edm token key, first half")), 8);
	put_be(derived.bytes + 8, hash_keyed(key, STR("edm token key, second half")), 8);
	message[0] = (unsigned char)purpose;
	memcpy(message + 1, named, NAMED_BYTES);
	return hash_keyed(&derived, str_of((const char *)message, sizeof(message)));
}

void token_render(const struct hash_key *key, enum token_purpose purpose, const struct token *token,
		  char out[TOKEN_LEN + 1])
{
	unsigned char bytes[TOKEN_BYTES];
	put_be(bytes, (uint64_t)token->rid, 8);
	put_be(bytes + 8, (uint32_t)token->campaign_id, 4);
	put_be(bytes + NAMED_BYTES, mac(key, purpose, bytes), 8);
	for (unsigned group = 0; group < TOKEN_BYTES / 5; group++) {
		uint64_t bits = get_be(bytes + 5 * group, 5);
		for (unsigned i = 0; i < 8; i++)
			out[8 * group + i] = alphabet[bits >> (35 - 5 * i) & 31];
	}
	out[TOKEN_LEN] = '\0';
}

int token_parse(const struct hash_key *key, enum token_purpose purpose, struct str text,
		struct token *out)
{
	unsigned char bytes[TOKEN_BYTES];
	if (text.len != TOKEN_LEN)
		return -1;
	for (unsigned group = 0; group < TOKEN_BYTES / 5; group++) {
		uint64_t bits = 0;
		for (unsigned i = 0; i < 8; i++) {
			char c = ascii_lower(text.ptr[8 * group + i]);
			const char *at = c != '\0' ? strchr(alphabet, c) : NULL;
			if (at == NULL)
				return -1;
			bits = bits << 5 | (uint64_t)(at - alphabet);
		}
		put_be(bytes + 5 * group, bits, 5);
	}
	/* One comparison of two numbers: its time tells nothing about which byte differs. */
	if (get_be(bytes + NAMED_BYTES, 8) != mac(key, purpose, bytes))
		return -1;
	out->rid = (int64_t)get_be(bytes, 8);
	out->campaign_id = (int32_t)get_be(bytes + 8, 4);
	return 0;
}
