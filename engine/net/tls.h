/* SPDX-License-Identifier: MIT */
/*
 * The TLS client context: one for a process, shared by all threads. TLS 1.2 and up, no compression,
 * no renegotiation; the system's trust store. A bounded cache of sessions for resumption, keyed by
 * host, address and whether the certificate was verified, so that resuming never weakens a policy.
 */
#ifndef EDM_ENGINE_NET_TLS_H
#define EDM_ENGINE_NET_TLS_H

#include "engine/base/err.h"
#include "engine/base/str.h"

struct tls_context;

/* ca_file: PEM certificates to trust instead of the system's; NULL = the system's. */
struct tls_context *tls_context_new(const char *ca_file, struct err *err) NODISCARD;
/* Nobody uses it any more. */
void tls_context_free(struct tls_context *c);

#endif
