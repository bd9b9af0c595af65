/* SPDX-License-Identifier: MIT */
/*
 * Dialling: a non-blocking TCP connection from a chosen local address. No loop, no timer: the
 * stream that owns the descriptor waits for it to become writable.
 */
#ifndef EDM_ENGINE_NET_DIAL_H
#define EDM_ENGINE_NET_DIAL_H

#include <stdbool.h>
#include <sys/socket.h>

#include "engine/base/must.h"

/* The two ends of a connection to be made. */
struct dial_ends {
	const struct sockaddr_storage *address; /* theirs, port included */
	const struct sockaddr_storage *source;	/* ours, port 0; AF_UNSPEC = any */
};

/* Why a connection could not be made. */
struct dial_failure {
	int code;      /* errno */
	bool is_local; /* our address, ports, descriptors or memory; else the network or the host */
};

/*
 * Begins to connect. Our port is chosen by the
 * kernel for this destination (IP_BIND_ADDRESS_NO_PORT), so that one source can have 28,000
 * connections to each host. Returns the descriptor, the caller's to close, or -1.
 */
int dial_start(const struct dial_ends *ends, struct dial_failure *failure_out) NODISCARD;
/* Once fd is writable: 0 if connected, else -1. */
int dial_finish(int fd, struct dial_failure *failure_out) NODISCARD;

#endif
