/* SPDX-License-Identifier: MIT */
/* The receiver's side of STARTTLS (RFC 3207): contexts with files or a self-signed certificate. */
#ifndef EDM_TESTS_SINK_TLS_H
#define EDM_TESTS_SINK_TLS_H

#include <openssl/ssl.h>

#include "engine/base/err.h"

struct tls_files;

/* A server context with session tickets on. Without files it makes a P-256 key and a certificate
 * for host. NULL and err when OpenSSL refuses. Free with SSL_CTX_free. */
SSL_CTX *tls_context_new(const struct tls_files *files, const char *host,
			 struct err *err) NODISCARD;

#endif
