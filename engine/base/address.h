/* SPDX-License-Identifier: MIT */
/*
 * E-mail addresses as people type them, made into what we send to and what we key a person by.
 *
 * An address has two forms. The *mailbox* goes on the wire: the local part as given (case kept,
 * RFC 5321 section 2.4; quotes only where needed, section 4.1.2), the domain in lower case as
 * A-labels (RFC 5891). The *key* says who it is: the mailbox with A–Z folded to a–z, which SQL
 * writes lower(address COLLATE "C"). No provider tells Wang@ from wang@, so one person is one key;
 * folding is for keys only, because by the letter of the RFC the case belongs to the receiver. The
 * recipient id is hash_keyed(installation key, address_key(&a)).
 *
 * Forgiven while parsing: blanks around it, invisible characters anywhere (zero-width, byte order
 * mark, direction marks), full-width forms and the ideographic full stop typed by an IME
 * (＠ ． 。), "mailto:", and `Name <a@b>` with or without quotes around the name. Everything
 * else is refused with a reason: an address guessed at would send somebody's mail to a stranger.
 *
 * Any thread; pure.
 */
#ifndef EDM_ENGINE_BASE_ADDRESS_H
#define EDM_ENGINE_BASE_ADDRESS_H

#include <stdbool.h>

#include "engine/base/str.h"

#define ADDRESS_MAX 254	       /* octets of a mailbox: a path of 256 without its brackets */
#define ADDRESS_LOCAL_MAX 64   /* RFC 5321 section 4.5.3.1.1 */
#define ADDRESS_DOMAIN_MAX 253 /* RFC 1035 section 2.3.4, as text without the root dot */
#define ADDRESS_TEXT_MAX 1024  /* octets of input that are looked at, name included */

/* X(enumerator suffix, name in logs and reports, what is wrong, as a clause for a person) */
#define ADDRESS_REASONS(X)                                                                         \
	X(OK, "ok", "nothing is wrong")                                                            \
	X(EMPTY, "empty", "the address is empty")                                                  \
	X(NOT_UTF8, "not-utf8", "the address is not valid UTF-8")                                  \
	X(CONTROL, "control", "a line break or control character stands inside the address")       \
	X(TOO_LONG, "too-long", "the address is longer than 254 octets")                           \
	X(NO_AT, "no-at", "there is no @")                                                         \
	X(MANY, "many", "the field holds more than one address")                                   \
	X(SPACE, "space", "there is a space inside the address")                                   \
	X(BRACKETS, "brackets", "the < and > around the address do not match")                     \
	X(NO_LOCAL, "no-local", "nothing stands before the @")                                     \
	X(LOCAL_TOO_LONG, "local-too-long", "the part before the @ is longer than 64 octets")      \
	X(LOCAL_CHAR, "local-char", "a character before the @ is not allowed there")               \
	X(LOCAL_DOT, "local-dot",                                                                  \
	  "the part before the @ begins or ends with a dot, or has two in a row")                  \
	X(QUOTE, "quote", "the quotes before the @ do not match")                                  \
	X(NO_DOMAIN, "no-domain", "nothing stands after the @")                                    \
	X(LITERAL, "literal", "the domain is an IP address, which lists may not hold")             \
	X(DOMAIN_NO_DOT, "domain-no-dot", "the domain has no dot")                                 \
	X(DOMAIN_END_DOT, "domain-end-dot", "the domain ends with a dot")                          \
	X(DOMAIN_LABEL, "domain-label",                                                            \
	  "the domain begins with a dot, has two in a row, or has a hyphen at the edge of a part") \
	X(DOMAIN_CHAR, "domain-char", "a character in the domain is not allowed there")            \
	X(DOMAIN_TOO_LONG, "domain-too-long", "the domain, or a part of it, is too long")          \
	X(DOMAIN_IDN, "domain-idn", "the domain is not a valid internationalised name")

enum address_reason {
#define X(suffix, name, sentence) ADDRESS_##suffix,
	ADDRESS_REASONS(X)
#undef X
};

/* Filled by address_parse; read it through the functions below. */
struct address {
	char mailbox[ADDRESS_MAX + 1]; /* NUL-terminated */
	char key[ADDRESS_MAX + 1];     /* NUL-terminated, as long as mailbox */
	uint8_t local_len;	       /* octets before the @ */
	uint8_t len;		       /* octets of mailbox, and of key */
	bool needs_smtputf8;	       /* the local part is not ASCII (RFC 6531) */
};

/* Parses text (one field of a file, one argument). ADDRESS_OK, and only then *out is filled. */
enum address_reason address_parse(struct str text, struct address *out) NODISCARD;
/* The slices live as long as *a. */
struct str address_mailbox(const struct address *a);
struct str address_key(const struct address *a);
struct str address_domain(const struct address *a); /* A-labels, lower case */
struct str address_local(const struct address *a);  /* of the mailbox */

/* Folds a bare domain the way address_parse does (lower case, A-labels) into out, NUL-terminated.
 * ADDRESS_OK or one of the domain's reasons. */
enum address_reason address_fold_domain(struct str text,
					char out[ADDRESS_DOMAIN_MAX + 1]) NODISCARD;
/* The domain with its A-labels shown as U-labels, NUL-terminated; as it is where that fails or
 * does not fit. size ≥ ADDRESS_DOMAIN_MAX + 1. Display only. */
void address_display_domain(struct str domain, char *dst, size_t size);
/* What a misspelt domain was probably meant to be ("gmial.com" → "gmail.com"), or the empty slice.
 * Only ever a hint to show. */
struct str address_typo_hint(struct str domain);

/* Constants. */
const char *address_reason_name(enum address_reason reason);
const char *address_reason_sentence(enum address_reason reason);

#endif
