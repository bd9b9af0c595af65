/* SPDX-License-Identifier: MIT */
/*
 * The sum of what the sink saw, as one JSON object (stats_write):
 *
 *	accepted             copies taken (a message to two recipients is two)
 *	distinct_recipients  addresses that got at least one
 *	duplicates           copies beyond the first of an address
 *	duplicate_messages   copies beyond the first of (address, Message-ID)
 *	silent               copies taken without a reply (the ambiguous case)
 *	rejected, deferred   5yz and 4yz answers to MAIL, RCPT, DATA and the dot, a line a recipient
 *	mismatched           copies whose To: does not name the recipient (only with --verify-rcpt)
 *	bare_lf, long_lines  messages with a line end that is not CRLF; with a line over 998 octets
 *	overlapping          MAIL commands that came before the reply to the previous body was sent
 *	bytes                octets of accepted messages
 *	connections, max_connections, tls, tls_resumed
 *	seconds, per_second  from the first to the last accepted message
 *	cpu_seconds          this process, user and system
 *	clients[]            {client, connections, max_connections, accepted, messages,
 *	                     max_per_second, max_per_minute, max_per_hour}
 *	pairs[]              the same with listener: each (client address, listening address:port)
 * messages and the peaks count MAIL commands answered 2yz, in sliding windows.
 */
#ifndef EDM_TESTS_SINK_STATS_H
#define EDM_TESTS_SINK_STATS_H

#include "engine/base/err.h"
#include "engine/base/str.h"
#include "tests/sink/seen.h"

struct world;

struct stats {
	uint64_t accepted, duplicates, duplicate_messages, silent;
	uint64_t rejected, deferred, mismatched, bare_lf, long_lines, overlapping, bytes;
	uint64_t connections, open, max_open, tls, tls_resumed;
	int64_t first_us, last_us; /* of accepted messages, monotonic */
	struct seen recipients;	   /* by hash of the address */
	struct seen copies;	   /* by hash of the address and the Message-ID */
};

void stats_init(struct stats *s);
void stats_done(struct stats *s);
/* One copy was taken. */
void stats_accept(struct stats *s, struct str rcpt, struct str message_id, int64_t now_us);
/* Replaces file by the figures of world, whole or not at all. */
int stats_write(const struct world *world, const char *file, struct err *err) NODISCARD;

#endif
