/* SPDX-License-Identifier: MIT */
/*
 * DKIM (RFC 6376, 8301, 8463): relaxed/relaxed canonicalisation, the DKIM-Signature field and the
 * DNS record.
 *
 * Signing is cut in three so that the costly step can be batched: dkim_begin writes the field with
 * room for bh= and b=, dkim_finish fills in bh= and gives the digest to sign, dkim_put_signature
 * fills in b=. Every field of the message is signed, and those a forger would add a second time are
 * oversigned (named once more than they occur, RFC 6376 8.15). No l=, no x=. Pure; any thread, a
 * body hash has one user at a time.
 */
#ifndef EDM_ENGINE_MAIL_DKIM_H
#define EDM_ENGINE_MAIL_DKIM_H

#include "engine/mail/signer.h"

struct evp_md_ctx_st;

/* Whose signature: plain data, the signer is borrowed. */
struct dkim_key {
	struct str domain;   /* d=: a domain in A-label form */
	struct str selector; /* s= */
	const struct signer *signer;
};

/* The body hash under construction, relaxed (RFC 6376 3.4.4). */
struct body_hash {
	struct evp_md_ctx_st *sha;
	size_t empty_lines; /* lines held back: those at the end of a body do not count */
	bool is_line_begun; /* the current line has bytes other than white space */
	bool has_space;	    /* white space held back */
	bool has_cr;	    /* a CR whose LF has not come yet */
};

/* One signature field of a message under construction; offsets into its buffer. */
struct dkim_slot {
	const struct signer *signer;
	size_t start;	      /* of "DKIM-Signature" */
	size_t body_hash;     /* of the 44 characters of bh= */
	size_t signature;     /* of the first character of b= */
	size_t end;	      /* behind the field's CRLF */
	struct digest digest; /* what to sign, after dkim_finish */
};

void body_hash_init(struct body_hash *h);
void body_hash_done(struct body_hash *h);
/* Starts a new body. */
void body_hash_begin(struct body_hash *h);
/* Starts where from stands; from is unchanged and may be shared by threads. */
void body_hash_begin_at(struct body_hash *h, const struct body_hash *from);
/* More of the body, cut anywhere. */
void body_hash_update(struct body_hash *h, struct str bytes);
/* More of the body: whole lines that are canonical already (dkim_canonical_lines), at a line start.
 */
void body_hash_update_canonical(struct body_hash *h, struct str lines);
struct digest body_hash_end(struct body_hash *h);
/* Appends the relaxed form of lines (whole lines, CRLF) to out, empty lines at the end kept. */
void dkim_canonical_lines(struct str lines, struct buf *out);

/*
 * Appends a DKIM-Signature field for key to out with blank bh= and b=, and fills *slot.
 * fields: the header block to be signed, whole fields ended by CRLF, each name at most once.
 */
void dkim_begin(const struct dkim_key *key, struct str fields, int64_t signed_at_s, struct buf *out,
		struct dkim_slot *slot);
/* Writes the body hash into the field in text and computes slot->digest over fields and field.
 * scratch is overwritten. */
void dkim_finish(struct dkim_slot *slot, struct digest body, struct str fields, struct buf *text,
		 struct buf *scratch);
/* Writes the signature into the field in text. */
void dkim_put_signature(const struct dkim_slot *slot, const struct signature *signature,
			struct buf *text);

/* A new key: PEM and the TXT value to publish, appended. */
int dkim_key_generate(enum signer_algorithm algorithm, struct buf *pem_out, struct buf *txt_out,
		      struct err *err) NODISCARD;
/* The TXT value of the key's public half: "v=DKIM1; k=rsa; p=…" (RFC 6376 3.6.1). Appended. */
void dkim_txt_value(const struct signer *signer, struct buf *out);
/* The value in zone-file form: strings of at most 255 bytes, each in quotes, a space between. */
void dkim_txt_strings(struct str value, struct buf *out);

#define DKIM_TXT_VERDICTS(X)                                                                       \
	X(MATCHES, "matches")                                                                      \
	X(INVALID, "invalid")                                                                      \
	X(REVOKED, "revoked")                                                                      \
	X(DIFFERS, "differs")                                                                      \
	X(TESTING, "testing")

enum dkim_txt_verdict {
#define X(suffix, name) DKIM_TXT_##suffix,
	DKIM_TXT_VERDICTS(X)
#undef X
};

/* Judges a published TXT value (its strings joined) against the key: INVALID = no DKIM record or
 * not usable for mail with SHA-256, REVOKED = empty p=, DIFFERS = another key, TESTING = it matches
 * but t=y tells receivers to ignore it. */
enum dkim_txt_verdict dkim_txt_check(const struct signer *signer, struct str value);

#endif
