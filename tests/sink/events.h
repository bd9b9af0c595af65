/* SPDX-License-Identifier: MIT */
/*
 * The log of the sink: one event a line, tab-separated, in this order; "-" is an absent value:
 *
 *	time_us     wall clock, microseconds since 1970 UTC
 *	listener    our address
 *	client      the peer's address
 *	event       connect helo tls mail rcpt data accepted rejected deferred close
 *	mail_from   the envelope sender; "<>" is the null path
 *	rcpt        the envelope recipient
 *	code        of our reply; 0 = we said nothing
 *	size        octets of the message, at accepted
 *	message_id  at accepted, and at rejected and deferred after the dot
 *	overlapping 1 when this message's MAIL came before the reply to the body before it was sent
 *	connection  number of the connection, from 1
 *	port        our port
 *	detail      helo: the name; tls: version, "resumed"; accepted: our queue id;
 *	            rejected, deferred: step and reply; close: who (peer, sink, reset) and why
 *
 * The first line names the columns. accepted, and rejected or deferred from RCPT on, are one line
 * a recipient. A refused command has a line of its own kind too, with the code. Lines of a loop
 * turn are written before the replies of that turn leave. One thread.
 */
#ifndef EDM_TESTS_SINK_EVENTS_H
#define EDM_TESTS_SINK_EVENTS_H

#include <stdbool.h>

#include "engine/base/buf.h"
#include "engine/base/err.h"

struct events {
	int fd; /* -1: no log */
	struct buf lines;
};

struct event {
	int64_t wall_us;
	const char *listener, *client; /* dotted addresses */
	const char *name;
	struct str mail_from; /* ptr NULL = absent; "" = the null path */
	struct str rcpt, message_id, detail;
	int code;
	uint64_t size;
	bool is_overlapping;
	uint64_t connection;
	uint16_t port;
};

/* Appends to file; file NULL means no log. */
int events_open(struct events *e, const char *file, struct err *err) NODISCARD;
void events_close(struct events *e);
void events_add(struct events *e, const struct event *event);
/* Writes what was added. */
void events_flush(struct events *e);

#endif
