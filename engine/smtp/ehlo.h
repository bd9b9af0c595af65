/* SPDX-License-Identifier: MIT */
/*
 * What a server offers in its reply to EHLO (RFC 5321 4.1.1.1), read line by line. Keywords are
 * matched without case; unknown, repeated and malformed ones do no harm. Pure.
 */
#ifndef EDM_ENGINE_SMTP_EHLO_H
#define EDM_ENGINE_SMTP_EHLO_H

#include "engine/base/str.h"

enum auth_mechanism {
	AUTH_PLAIN = 1 << 0,
	AUTH_LOGIN = 1 << 1,
};

struct ehlo {
	unsigned extensions; /* EXTENSION_* bits */
	unsigned mechanisms; /* AUTH_* bits */
	uint64_t size_limit; /* octets; 0 = none stated */
	uint64_t mail_limit; /* LIMITS MAILMAX (RFC 9422); 0 = none stated */
};

/*
 * Reads one line after the first (the first is the domain and free text), without its code:
 *	ehlo-line = ehlo-keyword *( SP ehlo-param )
 * AUTH is also understood in its old form "AUTH=PLAIN LOGIN".
 */
void ehlo_parse_line(struct ehlo *e, struct str line);

#endif
