/* SPDX-License-Identifier: MIT */
/* What the stream uses of the TLS context. */
#ifndef EDM_ENGINE_NET_TLS_PRIVATE_H
#define EDM_ENGINE_NET_TLS_PRIVATE_H

#include <openssl/ssl.h>

#include "engine/net/tls.h"
#include "engine/smtp/dialog.h"

/* Whom a connection is with; lives as long as the SSL made for it. */
struct tls_peer {
	struct tls_context *context;
	const char *host_name; /* SNI and certificate; NULL = none */
	char *key;	       /* of the resumption cache */
};

/* A client SSL for peer, with the session to resume if one is known. NULL if memory is out. */
SSL *tls_start(const struct tls_peer *peer, enum tls_mode mode);
/* The reason of the OpenSSL error last met by this thread, as a short text; clears the queue. */
void tls_reason(const SSL *ssl, char *out, size_t size);

#endif
